package sampler

import (
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// Params are the options of samplers by the names that users know. A sampler refuses those it does not
// have.
type Params struct {
	Eta         *float64 // ddim (default 0), tcd (0.3), the ancestral ones (1), ddim_cfg_pp (0), repaint (1), tau of sa_solver (1)
	KeepEpsilon bool     // ddim: the textbook's unclipped epsilon, see [DDIM]
	Churn       float64  // euler, heun, flow_heun: s_churn
	ChurnMin    float64  // euler, heun, flow_heun: s_tmin
	ChurnMax    float64  // euler, heun, flow_heun: s_tmax
	ChurnNoise  float64  // euler, heun, flow_heun: s_noise
	Original    int      // lcm, tcd: timesteps the network was distilled at, 0 means 50
	Order       int      // lms (default 4), deis (3), unipc_bh1 (3), unipc_bh2 (2), sa_solver (2), ipndm_v (4), er_sde (3)
	Gamma       *float64 // gradient_estimation (default 2)
	JumpLength  int      // repaint: steps to go back (default 10)
	JumpSamples int      // repaint: how often those steps are run (default 10)
}

// Entry is a sampler under its name, with the grid it is usually run on.
type Entry struct {
	Name    string
	Aliases []string // names of A1111, ComfyUI and diffusers
	Title   string
	Paper   string // arXiv number
	Steps   int    // a good default

	options   []OptionSchema
	exploding bool
	distilled bool // stands on LCMTimesteps
	rising    bool // from data to noise
	final     schedule.Final
	make      func(Params) Sampler
}

func valueOr(p *float64, v float64) float64 {
	if p != nil {
		return *p
	}
	return v
}

func nonZero(n, otherwise int) int {
	if n == 0 {
		return otherwise
	}
	return n
}

// Names returns the names that [Lookup] knows, without aliases, sorted.
func Names() []string {
	var n []string
	for _, e := range entries {
		n = append(n, e.Name)
	}
	sort.Strings(n)
	return n
}

// Lookup finds a sampler by its name or an alias; case, spaces, dashes and underscores do not matter.
func Lookup(name string) (Entry, error) {
	want := fold(name)
	for _, e := range entries {
		for _, n := range append([]string{e.Name}, e.Aliases...) {
			if fold(n) == want {
				return e, nil
			}
		}
	}
	return Entry{}, &PlanError{Step: -1,
		Detail: fmt.Sprintf("unknown sampler %.40q: want one of %s", name, strings.Join(Names(), ", "))}
}

func fold(s string) string {
	return strings.NewReplacer(" ", "", "_", "", "-", "").Replace(strings.ToLower(s))
}

// Sampler returns the sampler for p. An option that it does not have, or a value outside its schema, is an error.
func (e Entry) Sampler(p Params) (Sampler, error) {
	if e.make == nil {
		return nil, &PlanError{Step: -1, Detail: "an entry without a sampler: want one from Lookup"}
	}
	if err := e.check(p); err != nil {
		return nil, err
	}
	return e.make(p), nil
}

// Points returns the points of g with the sampler's scale, end and, for LCM and TCD, their own timesteps: with a
// strength the last int(original*strength) of them, as diffusers' LCM pipelines, or all scaled by it where those
// are fewer than the steps. Those of an inversion run from sigma_min to the noisiest.
func (e Entry) Points(g schedule.Grid, p Params) ([]schedule.Point, error) {
	g.Exploding = e.exploding
	if e.final == schedule.FinalSigmaMin {
		g.Final = e.final
	}
	if e.distilled && len(g.Timesteps) == 0 && g.Noise != nil {
		if g.Curve != schedule.ByTimestep {
			return nil, &schedule.Error{Field: "schedule type", Value: g.Curve,
				Want: "normal: " + e.Name + " has its own timesteps"}
		}
		original := p.Original
		if original == 0 {
			original = 50
		}
		strength := 1.0
		if g.Strength > 0 && int(float64(original)*g.Strength) >= g.Steps { // its own timesteps are enough
			strength, g.Strength = g.Strength, 1
		}
		ts, err := LCMTimesteps(g.Steps, g.Noise.Timesteps(), original, strength)
		if err != nil {
			return nil, err
		}
		for _, t := range ts {
			g.Timesteps = append(g.Timesteps, float64(t))
		}
	}
	pts, err := g.Points()
	if e.rising {
		slices.Reverse(pts)
	}
	return pts, err
}

// Plan makes the sampler and compiles it on grid g.
func (e Entry) Plan(g schedule.Grid, kind schedule.Kind, p Params, opts ...Option) (*Plan, error) {
	s, err := e.Sampler(p)
	if err != nil {
		return nil, err
	}
	pts, err := e.Points(g, p) // which refuses a grid without noise
	if err == nil {
		err = kind.Check(g.Noise)
	}
	if err != nil {
		return nil, &PlanError{Sampler: e.Name, Step: -1, Err: err}
	}
	if off, ok := s.(scheduled); ok {
		s = off.withNoise(g.Noise)
	}
	return New(s, pts, kind, opts...)
}
