package diffusers

import (
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

const (
	edmEulerClass = "EDMEulerScheduler"
	edmDPMClass   = "EDMDPMSolverMultistepScheduler"

	// edmCosineClass is for networks of Stable Audio: they see atan(sigma)/(pi/2) as the time, and the solver
	// is the SDE.
	edmCosineClass = "CosineDPMSolverMultistepScheduler"
)

// preconditioning is that of Karras et al. 2022, arXiv:2206.00364, Table 1: the network sees
// x/sqrt(sigma^2+data^2) at time ln(sigma)/4, and
//
//	D = (data^2*x + sigma*data*sqrt(sigma^2+data^2)*out) / (sigma^2+data^2)
type preconditioning struct {
	data float64 // the standard deviation of the data
	sign float64 // of out: -1 for v_prediction
}

func (c preconditioning) point(sigma float64) schedule.Point {
	p := schedule.Point{Alpha: 1, Sigma: sigma, In: 1 / math.Hypot(sigma, c.data)}
	if sigma > 0 {
		p.T = math.Log(sigma) / 4
	}
	return p
}

func (c preconditioning) scaling(sigma float64) schedule.Scaling {
	in := 1 / math.Hypot(sigma, c.data)
	return schedule.Scaling{Skip: c.data * in * c.data * in, Out: c.sign * sigma * in * c.data}
}

// precondition is the option that scales the network's output.
func (c preconditioning) precondition(p *sampler.Plan) {
	for i := range p.Stages {
		p.Stages[i].From = c.scaling(p.Stages[i].At.Sigma)
	}
}

// edm plans the EDM classes, which have the noise levels and the preconditioning of Karras et al. 2022.
func (s *Scheduler) edm(_ *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	c := preconditioning{data: s.c.SigmaData, sign: 1}
	switch {
	case kind == schedule.V:
		c.sign = -1
	case kind != schedule.Epsilon:
		return nil, &Error{Field: "prediction_type",
			Detail: fmt.Sprintf("%s: want epsilon or v_prediction", kind)}
	}
	sigmas, err := s.edmLevels(o)
	if err != nil {
		return nil, err
	}
	final := 0.0
	if s.c.FinalSigmas == "sigma_min" {
		final = sigmas[len(sigmas)-1] // the last step then stands still
	}
	var pts []schedule.Point
	for _, v := range append(sigmas, final) {
		pts = append(pts, c.point(v))
		if s.c.Class == edmCosineClass {
			pts[len(pts)-1].T = math.Atan(v) / math.Pi * 2
		}
	}
	init := sampler.WithInit(math.Hypot(sigmas[0], 1))
	if s.c.Class == edmEulerClass {
		e := sampler.Euler{Churn: o.SChurn, ChurnMin: o.SMin, ChurnMax: o.SMax, ChurnNoise: o.SNoise}
		return sampler.New(e, pts, schedule.V, init, c.precondition, c.churned(o.SChurn, pts))
	}
	m := sampler.Multistep{Order: s.c.SolverOrder, Heun: s.c.SolverType == "heun",
		SDE:       s.c.AlgorithmType == "sde-dpmsolver++",
		KeepOrder: !s.c.LowerOrderFinal, EulerAtFinal: s.c.EulerAtFinal, HalfCurvature: true}
	if m.SDE && m.Order == 3 {
		return nil, &Error{Field: "solver_order", Detail: "3: the SDE form of this class has orders 1 and 2"}
	}
	opts := append(s.thresholds(), init, c.precondition)
	return sampler.New(sampler.DPMSolverPP{Multistep: m}, pts, schedule.V, opts...)
}

// edmLevels returns the noise levels without the final one.
func (s *Scheduler) edmLevels(o Options) ([]float64, error) {
	if o.Timesteps != nil {
		return nil, &Error{Field: "timesteps", Detail: "contradict the noise levels of this class: want steps"}
	}
	lo, hi, err := s.ownRange()
	if err != nil {
		return nil, err
	}
	if s.c.SigmaSchedule == "exponential" {
		return schedule.Exponential(o.Steps, lo, hi)
	}
	return schedule.Karras(o.Steps, lo, hi, s.c.Rho)
}

// ownRange returns the noise levels between which the classes of Karras et al. and of consistency models
// work, after a check of what they need.
func (s *Scheduler) ownRange() (lo, hi float64, err error) {
	if d := s.c.SigmaData; !(d > 0) || math.IsInf(d, 0) {
		return 0, 0, &Error{Field: "sigma_data", Detail: fmt.Sprintf("%v: want a positive number", d)}
	}
	lo, hi = 0.002, 80
	if s.c.SigmaMin != nil {
		lo = *s.c.SigmaMin
	}
	if s.c.SigmaMax != nil {
		hi = *s.c.SigmaMax
	}
	return lo, hi, nil
}

// churned is the option that puts the churn of this class into Euler's stages. The quirk: the network sees
// the sample before the noise, at the level before it, but the sample with the noise and its level make the
// clean sample of the output.
func (c preconditioning) churned(churn float64, pts []schedule.Point) sampler.Option {
	return func(p *sampler.Plan) {
		for i := range p.Stages {
			st := &p.Stages[i]
			if st.Draws[0] == 0 {
				continue
			}
			hat := st.At.Sigma * (1 + math.Min(churn/float64(len(p.Stages)), math.Sqrt2-1))
			q := pts[i+1].Sigma / hat
			st.From = c.scaling(hat)
			drawn := st.X.N[0] * (q + (1-q)*st.From.Skip)
			st.X = sampler.Row{X: q, D: 1 - q}
			st.X.N[0] = drawn
		}
	}
}
