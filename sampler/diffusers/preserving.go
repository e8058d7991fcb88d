package diffusers

import (
	"math"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// uniPC plans UniPCMultistepScheduler.
func (s *Scheduler) uniPC(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	pts, err := s.preservingPoints(n.WithTerminalFloor(), o, s.c.FinalSigmas == "sigma_min")
	if err != nil {
		return nil, err
	}
	u := sampler.UniPC{Order: s.c.SolverOrder, BH1: s.c.SolverType == "bh1", Noise: !s.c.PredictX0,
		KeepOrder: !s.c.LowerOrderFinal, Uncorrected: s.c.DisableCorrector}
	return sampler.New(u, pts, kind, s.thresholds()...)
}

// deis plans DEISMultistepScheduler.
func (s *Scheduler) deis(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	pts, err := s.preservingPoints(n.WithTerminalFloor(), o, true)
	if err != nil {
		return nil, err
	}
	d := sampler.DEIS{Order: s.c.SolverOrder, KeepOrder: !s.c.LowerOrderFinal}
	return sampler.New(d, pts, kind, s.thresholds()...)
}

const saSolverClass = "SASolverScheduler"

// saSolver plans SASolverScheduler, with noise between timesteps 200 and 800, its default tau_func.
func (s *Scheduler) saSolver(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	if s.c.TauFunction != nil {
		return nil, &Error{Field: "tau_func", Detail: "code is not supported: want null"}
	}
	pts, err := s.preservingPoints(n.WithTerminalFloor(), o, true)
	if err != nil {
		return nil, err
	}
	a := sampler.SASolver{Predictor: s.c.PredictorOrder, Corrector: s.c.CorrectorOrder, Low: 200, High: 800,
		Noise: s.c.AlgorithmType == "noise_prediction", KeepOrder: !s.c.LowerOrderFinal}
	return sampler.New(a, pts, kind, s.thresholds()...)
}

// preservingPoints returns the points of UniPC and DEIS, the final one included: sigma 0
// or, with above, the lowest level.
func (s *Scheduler) preservingPoints(n *schedule.Noise, o Options, above bool) ([]schedule.Point, error) {
	ts, sigmas, err := s.preservingLevels(n, o)
	if err != nil {
		return nil, err
	}
	whole := make([]float64, len(ts))
	for i, t := range ts {
		whole[i] = math.Trunc(t) // the quirk: integers without rounding
	}
	final := 0.0
	if above {
		if final = n.SigmaAt(0); s.c.FlowSigmas || s.c.Karras || s.c.Exponential || s.c.Beta {
			final = sigmas[len(sigmas)-1] // the last step then stands still
		}
	}
	return s.levelPoints(whole, sigmas, final), nil
}

func (s *Scheduler) preservingLevels(n *schedule.Noise, o Options) (ts, sigmas []float64, err error) {
	if s.c.FlowSigmas && s.c.Class != "UniPCMultistepScheduler" {
		return s.flowLevels(n.Timesteps(), o)
	}
	if s.c.FlowSigmas {
		return s.dynamicFlowLevels(n.Timesteps(), o)
	}
	lo, hi := n.SigmaAt(0), n.SigmaAt(float64(n.Timesteps()-1))
	if s.c.SigmaMin != nil {
		lo = *s.c.SigmaMin
	}
	if s.c.SigmaMax != nil {
		hi = *s.c.SigmaMax
	}
	switch {
	case s.c.Karras:
		sigmas, err = schedule.Karras(o.Steps, lo, hi, karrasRho)
	case s.c.Exponential:
		sigmas, err = schedule.Exponential(o.Steps, lo, hi)
	case s.c.Beta:
		sigmas, err = schedule.BetaQuantile(o.Steps, lo, hi, betaShape, betaShape)
	default:
		ts, err = s.multistepTimesteps(n, o)
		for _, t := range ts {
			sigmas = append(sigmas, n.SigmaAt(t))
		}
		return ts, sigmas, err
	}
	for _, v := range sigmas {
		t := n.TimestepAt(v)
		if s.c.Karras {
			t = math.RoundToEven(t)
		}
		ts = append(ts, t)
	}
	return ts, sigmas, err
}
