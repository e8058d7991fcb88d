package diffusers

import (
	"fmt"
	"math"

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
