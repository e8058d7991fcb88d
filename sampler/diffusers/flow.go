package diffusers

import (
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// clearOfOne keeps the first flow time off 1, where alpha is 0 and lambda infinite, as UniPC of diffusers
// does.
const clearOfOne = 1e-6

// dynamicFlowLevels: linspace(1, 1/T, steps+1) without its last, shifted, as UniPCMultistepScheduler has it.
func (s *Scheduler) dynamicFlowLevels(T int, o Options) (ts, sigmas []float64, err error) {
	if o.Timesteps != nil {
		return nil, nil, &Error{Field: "timesteps", Detail: "contradict use_flow_sigmas: want steps"}
	}
	for i := range o.Steps {
		sigmas = append(sigmas, 1+float64(i)*(1/float64(T)-1)/float64(o.Steps))
	}
	if err := s.shiftFlow(sigmas, s.c.FlowShift, o); err != nil {
		return nil, nil, err
	}
	if math.Abs(sigmas[0]-1) < clearOfOne {
		sigmas[0] -= clearOfOne
	}
	for _, v := range sigmas {
		ts = append(ts, v*float64(T))
	}
	return ts, sigmas, nil
}

// The classes that live on a flow grid.
const (
	flowMatch     = "FlowMatchEulerDiscreteScheduler"
	flowHeunClass = "FlowMatchHeunDiscreteScheduler"
	flowLCMClass  = "FlowMatchLCMScheduler"
)

// flowEuler plans FlowMatchEulerDiscreteScheduler. With invert_sigmas the network's time and velocity run
// from noise (0) to data (1).
func (s *Scheduler) flowEuler(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	sigmas, err := s.flowTimes(float64(n.Timesteps()), o)
	if err != nil {
		return nil, err
	}
	var pts []schedule.Point
	for _, v := range sigmas {
		t := v
		if s.c.InvertSigmas {
			t = 1 - v
		}
		pts = append(pts, schedule.Flow(t*float64(n.Timesteps()), v))
	}
	invert := func(p *sampler.Plan) {
		for i := range p.Stages {
			if s.c.InvertSigmas {
				p.Stages[i].From.Out = -p.Stages[i].From.Out
			}
		}
	}
	e := sampler.FlowEuler{Stochastic: s.c.Stochastic}
	return sampler.New(e, append(pts, schedule.Flow(0, 0)), kind, invert)
}

// flowTimes returns the flow times of the flow-matching classes without the final 0. The quirk: the
// lowest is shifted already before all are shifted, unless use_dynamic_shifting is set.
func (s *Scheduler) flowTimes(T float64, o Options) ([]float64, error) {
	sigmas := append([]float64(nil), o.Sigmas...)
	if o.Sigmas == nil {
		ends := []float64{1, 1 / T}
		if !s.c.DynamicShifting {
			schedule.FlowShift(ends, s.c.Shift)
		}
		for i := range o.Steps {
			sigmas = append(sigmas, ends[0]+float64(i)*(ends[1]-ends[0])/float64(max(o.Steps-1, 1)))
		}
	}
	if o.Strength != 0 { // ours: diffusers leaves out the first times instead
		for i := range sigmas {
			sigmas[i] *= o.Strength
		}
	}
	if err := s.shiftFlow(sigmas, s.c.Shift, o); err != nil {
		return nil, err
	}
	lo, hi := sigmas[len(sigmas)-1], sigmas[0]
	switch {
	case s.c.Karras:
		return schedule.Karras(len(sigmas), lo, hi, karrasRho)
	case s.c.Exponential:
		return schedule.Exponential(len(sigmas), lo, hi)
	case s.c.Beta:
		return schedule.BetaQuantile(len(sigmas), lo, hi, betaShape, betaShape)
	}
	return sigmas, nil
}

// shiftFlow shifts flow times by the config's shift or, with use_dynamic_shifting, by e^mu (exponential) or
// mu (linear), and stretches them to end at shift_terminal.
func (s *Scheduler) shiftFlow(sigmas []float64, shift float64, o Options) error {
	if s.c.DynamicShifting {
		if o.Mu == nil {
			return &Error{Field: "mu", Detail: "none: want a number with use_dynamic_shifting"}
		}
		if shift = *o.Mu; s.c.TimeShiftType == "exponential" {
			shift = math.Exp(shift)
		}
	}
	if !(shift > 0) || math.IsInf(shift, 0) {
		return &schedule.Error{Field: "flow shift", Value: shift, Want: "a positive number"}
	}
	schedule.FlowShift(sigmas, shift)
	if s.c.ShiftTerminal == nil || *s.c.ShiftTerminal == 0 {
		return nil
	}
	end := *s.c.ShiftTerminal
	if !(end > 0 && end < 1) || sigmas[len(sigmas)-1] == 1 {
		return &Error{Field: "shift_terminal", Detail: fmt.Sprintf("%v: want a number between 0 and 1, "+
			"and more than one step", end)}
	}
	scale := (1 - sigmas[len(sigmas)-1]) / (1 - end)
	for i, v := range sigmas {
		sigmas[i] = 1 - (1-v)/scale
	}
	return nil
}

// flowHeun plans FlowMatchHeunDiscreteScheduler. The quirk: the lowest time is shifted already before all
// are shifted.
func (s *Scheduler) flowHeun(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	plain := *s
	plain.c.DynamicShifting, plain.c.ShiftTerminal = false, nil // keys that this class does not have
	plain.c.Karras, plain.c.Exponential, plain.c.Beta = false, false, false
	sigmas, err := plain.flowTimes(float64(n.Timesteps()), o)
	if err != nil {
		return nil, err
	}
	var pts []schedule.Point
	for _, v := range sigmas {
		pts = append(pts, schedule.Flow(v*float64(n.Timesteps()), v))
	}
	h := sampler.FlowHeun{Churn: o.SChurn, ChurnMin: o.SMin, ChurnMax: o.SMax, ChurnNoise: o.SNoise}
	return sampler.New(h, append(pts, schedule.Flow(0, 0)), kind)
}

// flowLCM plans FlowMatchLCMScheduler, for flows distilled to consistency models.
func (s *Scheduler) flowLCM(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	if s.c.InvertSigmas {
		return nil, &Error{Field: "invert_sigmas", Detail: "true has no consistent step in this class: want false"}
	}
	if s.c.ScaleFactors != nil {
		return nil, &Error{Field: "scale_factors", Detail: "a sample has one size: want null"}
	}
	anew := *s
	anew.c.Stochastic = true
	return anew.flowEuler(n, kind, o)
}
