package diffusers

import (
	"math"
	"slices"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

const (
	ddimInverseClass = "DDIMInverseScheduler"
	dpmInverseClass  = "DPMSolverMultistepInverseScheduler"
)

func dpmInverse(c *config) { c.TimestepSpacing, c.FinalSigmas = "linspace", "sigma_min" }

// ddimInverse plans DDIMInverseScheduler: each step comes from timestep t - T/steps, whatever the one before
// is, and tells the network its end, t.
func (s *Scheduler) ddimInverse(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	if o.Timesteps != nil {
		return nil, &Error{Field: "timesteps", Detail: "contradict the grid of this class: want steps"}
	}
	if s.c.TimestepSpacing == "linspace" {
		return nil, &Error{Field: "timestep_spacing", Detail: `"linspace": want leading or trailing`}
	}
	ts, err := s.discreteTimesteps(n, o)
	if err != nil {
		return nil, err
	}
	slices.Reverse(ts)
	stride := n.Timesteps() / len(ts)
	d := sampler.DDIMInverse{KeepEpsilon: true, AtEnd: true}
	var opts []sampler.Option
	for _, t := range ts {
		switch {
		case t-stride >= 0:
			d.Sources = append(d.Sources, n.Point(t-stride))
		case s.c.SetAlphaToOne:
			if kind == schedule.X0 {
				return nil, &Error{Field: "prediction_type", Detail: "sample: a clean sample at sigma 0 tells " +
					"no noise: want epsilon or v_prediction, or set_alpha_to_one false"}
			}
			d.Sources = append(d.Sources, n.Point(t)) // until fromClean
			opts = append(opts, s.fromClean(n.Point(t)))
		default:
			d.Sources = append(d.Sources, n.Point(0))
		}
	}
	pts := []schedule.Point{d.Sources[0]}
	for _, t := range ts {
		pts = append(pts, n.Point(t))
	}
	return sampler.New(d, pts, kind, append(opts, s.options()...)...)
}

// fromClean is the option that lets the first step start at sigma 0, where the sample is the prediction and
// the network's output its noise:
//
//	x' = alpha[t]*clip(x) + sigma[t]*out
//
// A clip needs an evaluation of its own: a stage has one d, and it is clip(x) here.
func (s *Scheduler) fromClean(t schedule.Point) sampler.Option {
	return func(p *sampler.Plan) {
		first := p.Stages[0]
		first.At = schedule.Point{T: t.T, Alpha: 1, Sigma: 0, In: 1}
		first.From = schedule.Scaling{Out: 1}
		first.X = sampler.Row{X: t.Alpha, Raw: t.Sigma}
		stages := []sampler.Stage{first}
		if s.c.ClipSample {
			clip := first
			clip.From, clip.Final = schedule.Scaling{Skip: 1}, false
			clip.X, clip.Push = sampler.Row{X: 1}, &sampler.Row{D: 1}
			stages[0].X = sampler.Row{H: [sampler.Slots]float64{t.Alpha}, Raw: t.Sigma}
			stages = []sampler.Stage{clip, stages[0]}
		}
		p.Stages = append(stages, p.Stages[1:]...)
	}
}

// dpmInverse plans DPMSolverMultistepInverseScheduler, whose grid is that of the forward class turned round,
// without the noisiest timestep in place of the cleanest.
func (s *Scheduler) dpmInverse(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	if o.Timesteps != nil {
		return nil, &Error{Field: "timesteps", Detail: "contradict the grid of this class: want steps"}
	}
	if s.c.FlowSigmas {
		return nil, &Error{Field: "use_flow_sigmas", Detail: "the class does not turn its flow times round, so they " +
			"lead to data: want false"}
	}
	ts, sigmas, err := s.risingLevels(n.WithTerminalFloor(), o)
	if err != nil {
		return nil, err
	}
	m := sampler.Multistep{Order: s.c.SolverOrder, Heun: s.c.SolverType == "heun", Inverse: true,
		KeepOrder: !s.c.LowerOrderFinal, EulerAtFinal: s.c.EulerAtFinal, HalfCurvature: true}
	last := len(ts)
	pts := s.levelPoints(ts, sigmas[:last], sigmas[last])
	if s.c.AlgorithmType == "dpmsolver" {
		return sampler.New(sampler.DPMSolver{Multistep: m}, pts, kind, s.thresholds()...)
	}
	return sampler.New(sampler.DPMSolverPP{Multistep: m}, pts, kind, s.thresholds()...)
}

// risingLevels returns the timesteps and one noise level more, where the last step ends.
func (s *Scheduler) risingLevels(n *schedule.Noise, o Options) (ts, sigmas []float64, err error) {
	if s.c.Karras || s.c.Exponential || s.c.Beta {
		ts, sigmas, err = s.multistepLevels(n, o)
		if err != nil {
			return nil, nil, err
		}
		slices.Reverse(ts)
		slices.Reverse(sigmas)
		return ts, append(sigmas, sigmas[len(sigmas)-1]), nil // the last step stands still
	}
	T := n.Timesteps()
	noisiest := s.lastTimestep(n) - 1
	if noisiest < 0 {
		return nil, nil, &Error{Field: "lambda_min_clipped", Detail: "leaves no timestep: want a lower one"}
	}
	for i := range o.Steps {
		var t float64
		switch s.c.TimestepSpacing {
		case "linspace":
			t = math.RoundToEven(float64(i) * float64(noisiest) / float64(o.Steps))
		case "leading":
			t = float64(i*((noisiest+1)/(o.Steps+1)) + s.c.StepsOffset)
		default:
			back := float64(o.Steps - 1 - i)
			t = math.RoundToEven(float64(noisiest+1)-back*float64(T)/float64(o.Steps)) - 1
		}
		if !(t >= 0 && t <= float64(T-1)) || i > 0 && t <= ts[i-1] {
			return nil, nil, &Error{Field: "steps", Detail: "the timesteps are not distinct and rising from 0: " +
				"want fewer steps, or another timestep_spacing"}
		}
		ts = append(ts, t)
		sigmas = append(sigmas, n.SigmaAt(t))
	}
	return ts, append(sigmas, n.SigmaAt(float64(noisiest))), nil
}
