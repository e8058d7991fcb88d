package diffusers

import (
	"fmt"
	"math"
	"strings"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// Options are the arguments of set_timesteps() and step().
type Options struct {
	Steps     int       // num_inference_steps; 0 when Timesteps or Sigmas is given
	Timesteps []float64 // custom timesteps, falling
	Sigmas    []float64 // custom noise levels, falling: Euler and LTXEulerAncestralRF with the final one, other flow times without

	Eta                   float64 // DDIM; TCD unless 0, see Gamma
	UseClippedModelOutput bool    // DDIM

	SChurn, SMin, SNoise float64 // Euler, FlowMatchHeun: s_churn, s_tmin, s_noise (0 means 1)
	SMax                 float64 // Euler, FlowMatchHeun: s_tmax, 0 means no limit

	OriginalSteps int      // LCM, TCD: original_inference_steps, 0 means the config's
	Strength      float64  // LCM, TCD; of FlowMatchEuler all times before the shift are times it; 0 means 1
	Mu            *float64 // dynamic shifting

	Order int      // LMS: order, 0 means 4
	Gamma *float64 // TCD: its eta, nil means 0.3

	JumpLength, JumpSamples int // RePaint: jump_length, jump_n_sample; 0 means 10
}

// Plan compiles the scheduler for the given arguments.
func (s *Scheduler) Plan(o Options) (*sampler.Plan, error) {
	kind, err := s.Kind()
	if err != nil {
		return nil, err
	}
	if err := s.checkOptions(o); err != nil {
		return nil, err
	}
	noise, err := s.noise()
	if err == nil {
		err = kind.Check(noise)
	}
	if err != nil {
		return nil, &Error{Class: s.c.Class, Err: err}
	}
	p, err := classes[s.c.Class].plan(s, noise, kind, o)
	if err != nil {
		return nil, &Error{Class: s.c.Class, Err: err}
	}
	return p, nil
}

func (s *Scheduler) checkOptions(o Options) error {
	given := 0
	for _, on := range []bool{o.Steps != 0, o.Timesteps != nil, o.Sigmas != nil} {
		if on {
			given++
		}
	}
	fail := func(field, detail string) error {
		return &Error{Class: s.c.Class, Field: field, Detail: detail}
	}
	if given != 1 {
		return fail("steps", fmt.Sprintf("%d of steps, timesteps and sigmas given: want exactly one", given))
	}
	if o.Timesteps == nil && o.Sigmas == nil && (o.Steps < 1 || o.Steps > s.c.TrainTimesteps) {
		return fail("steps", fmt.Sprintf("%d: want 1 to %d", o.Steps, s.c.TrainTimesteps))
	}
	flow := s.c.Class == flowMatch || s.c.Class == flowLCMClass || s.c.Class == flowAncestralClass
	if o.Sigmas != nil && s.c.Class != "EulerDiscreteScheduler" && !flow {
		return fail("sigmas",
			"only EulerDiscreteScheduler and "+flowMatch+" take them: want steps or timesteps")
	}
	if o.Timesteps != nil && flow {
		return fail("timesteps", "contradict the flow times of this class: want steps or sigmas")
	}
	if o.Timesteps != nil && s.c.Class == flowHeunClass {
		return fail("timesteps", "contradict the flow times of this class: want steps")
	}
	if o.Strength != 0 && !(o.Strength > 0 && o.Strength <= 1) {
		return fail("strength", fmt.Sprintf("%v: want a number above 0, at most 1", o.Strength))
	}
	if o.Timesteps != nil && len(o.Timesteps) == 0 || o.Sigmas != nil && len(o.Sigmas) < 2 {
		return fail("timesteps", "too few: want at least one timestep, or two sigmas")
	}
	curved := s.c.Karras || s.c.Exponential || s.c.Beta || s.c.LuLambdas
	if o.Timesteps != nil && curved {
		return fail("timesteps", "contradict the config's use_*_sigmas: want steps")
	}
	for i, v := range o.Sigmas {
		if !(v >= 0) || math.IsInf(v, 0) || i > 0 && v >= o.Sigmas[i-1] {
			return fail("sigmas", fmt.Sprintf("%v at %d: want falling numbers, 0 or more", v, i))
		}
	}
	for i, t := range o.Timesteps {
		if !(t >= 0 && t <= float64(s.c.TrainTimesteps-1)) || i > 0 && t >= o.Timesteps[i-1] {
			return fail("timesteps", fmt.Sprintf("%v at %d: want falling values from 0 to %d",
				t, i, s.c.TrainTimesteps-1))
		}
	}
	if o.Mu != nil && (!s.c.DynamicShifting || math.IsNaN(*o.Mu) || math.IsInf(*o.Mu, 0)) {
		return fail("mu", "want a finite number, and use_dynamic_shifting in the config")
	}
	return nil
}

// noise builds the forward process. LCM, DDPM and DDIM keep a terminal alpha-bar of 0.
func (s *Scheduler) noise() (*schedule.Noise, error) {
	betas := s.c.TrainedBetas
	if betas != nil && len(betas) != s.c.TrainTimesteps {
		return nil, &Error{Field: "trained_betas", Detail: fmt.Sprintf("%d values: want num_train_timesteps, %d",
			len(betas), s.c.TrainTimesteps)}
	}
	var err error
	if betas == nil {
		betas, err = schedule.Betas(s.c.BetaSchedule, s.c.TrainTimesteps, s.c.BetaStart, s.c.BetaEnd)
	}
	if err == nil && classes[s.c.Class].shifted {
		betas, err = schedule.ShiftSNR(betas, s.c.SNRShift)
	}
	if err == nil && s.c.RescaleZeroSNR {
		betas, err = schedule.RescaleZeroTerminalSNR(betas)
	}
	if err != nil {
		return nil, err
	}
	return schedule.New(betas)
}

func (s *Scheduler) spacing() schedule.Spacing {
	sp, _ := schedule.ParseSpacing(s.c.TimestepSpacing) // checked by Parse
	return sp
}

// options returns what limits the predicted clean sample; a threshold takes the place of the clip.
func (s *Scheduler) options() []sampler.Option {
	if !s.c.Thresholding && s.c.ClipSample {
		return []sampler.Option{sampler.WithClip(s.c.ClipRange)}
	}
	return s.thresholds()
}

// thresholds is options for the classes that have no clip.
func (s *Scheduler) thresholds() []sampler.Option {
	return []sampler.Option{sampler.WithThreshold(s.Threshold())}
}

// discrete plans DDPM, DDIM and LCM, which stay on the training timesteps.
func (s *Scheduler) discrete(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	ts, err := s.discreteTimesteps(n, o)
	if err != nil {
		return nil, err
	}
	final := n.Point(-1)
	if !s.c.SetAlphaToOne && strings.HasPrefix(s.c.Class, "DDIM") {
		final = n.Point(0)
	}
	pts := append(pointsAt(n, ts), final)
	switch s.c.Class {
	case "LCMScheduler":
		return sampler.New(sampler.LCM{Scaling: s.c.TimestepScaling}, pts, kind, s.options()...)
	case "DDPMScheduler", "DDPMParallelScheduler":
		return sampler.New(sampler.DDPM{Variance: s.variance()}, pts, kind, s.options()...)
	}
	d := sampler.DDIM{Eta: o.Eta, KeepEpsilon: !o.UseClippedModelOutput}
	// The quirk: the step goes to t - T/steps, whatever the next timestep is.
	stride := n.Timesteps() / len(ts)
	for _, t := range ts {
		to := final
		if t-stride >= 0 {
			to = n.Point(t - stride)
		}
		d.Targets = append(d.Targets, to)
	}
	if pts[len(pts)-1] == pts[len(pts)-2] { // the last timestep is 0 and so is the end
		pts[len(pts)-1] = n.Point(-1)
	}
	return sampler.New(d, pts, kind, s.options()...)
}

// pointsAt are those of timesteps, with room for the end.
func pointsAt(n *schedule.Noise, ts []int) []schedule.Point {
	pts := make([]schedule.Point, 0, len(ts)+1)
	for _, t := range ts {
		pts = append(pts, n.Point(t))
	}
	return pts
}

// variance is that of DDPM's steps.
func (s *Scheduler) variance() sampler.Variance {
	switch v := s.c.VarianceType; {
	case v == nil:
		return sampler.FixedSmall
	case *v == "learned_range":
		return sampler.LearnedRange
	case *v == "learned":
		return sampler.LearnedVariance
	case strings.HasPrefix(*v, "fixed_large"):
		return sampler.FixedLarge
	}
	return sampler.FixedSmall
}

func (s *Scheduler) discreteTimesteps(n *schedule.Noise, o Options) ([]int, error) {
	if o.Timesteps != nil {
		strength := o.Strength
		if strength == 0 {
			strength = 1
		}
		all := ints(o.Timesteps)
		keep := min(int(float64(len(all))*strength), len(all))
		if keep < 1 {
			return nil, &Error{Field: "strength", Detail: fmt.Sprintf("%v: leaves none of %d timesteps",
				strength, len(all))}
		}
		return all[len(all)-keep:], nil
	}
	if s.c.Class == "LCMScheduler" || s.c.Class == "TCDScheduler" {
		original, strength := s.c.OriginalSteps, o.Strength
		if o.OriginalSteps != 0 {
			original = o.OriginalSteps
		}
		if strength == 0 {
			strength = 1
		}
		if s.c.Class == "TCDScheduler" && o.OriginalSteps != 0 {
			original = n.Timesteps() // the quirk: any value means every timestep
		}
		return sampler.LCMTimesteps(o.Steps, n.Timesteps(), original, strength)
	}
	ts, err := schedule.Steps{N: o.Steps, Train: n.Timesteps(), Spacing: s.spacing(),
		Offset: s.c.StepsOffset}.Timesteps()
	return ints(ts), err
}

func ints(ts []float64) []int {
	out := make([]int, len(ts))
	for i, t := range ts {
		out[i] = int(t)
	}
	return out
}
