package diffusers

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

const unclipClass = "UnCLIPScheduler"

func unclip(c *config) {
	clipped(c)
	c.BetaSchedule = "squaredcos_cap_v2"
}

// unclipGrid takes back keys of other classes: this one has one grid.
func unclipGrid(c *config) {
	c.TimestepSpacing, c.StepsOffset, c.TrainedBetas, c.RescaleZeroSNR = "linspace", 0, nil, false
}

// unclip plans UnCLIPScheduler as its pipelines run it: DDPM from each timestep to the next one of the grid, not to
// t-1, which step() takes where it is not told.
func (s *Scheduler) unclip(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	fail := func(field, format string, a ...any) (*sampler.Plan, error) {
		return nil, &Error{Field: field, Detail: fmt.Sprintf(format, a...)}
	}
	if o.Timesteps != nil {
		return fail("timesteps", "contradict the grid of this class: want steps")
	}
	if kind != schedule.Epsilon && kind != schedule.X0 {
		return fail("prediction_type", "%s: want epsilon or sample", kind)
	}
	d := sampler.DDPM{}
	switch v := s.c.VarianceType; {
	case v == nil || *v == "fixed_small_log":
	case *v == "learned_range":
		d.Variance = sampler.LearnedRange
	default:
		return fail("variance_type", "%.40q: want fixed_small_log or learned_range", *v)
	}
	if s.c.BetaSchedule != "squaredcos_cap_v2" {
		return fail("beta_schedule", "%.40q: want squaredcos_cap_v2", s.c.BetaSchedule)
	}
	if o.Steps < 2 {
		return fail("steps", "%d: want at least 2, the ends of the grid", o.Steps)
	}
	ts, err := s.discreteTimesteps(n, o)
	if err != nil {
		return nil, err
	}
	pts := pointsAt(n, ts)
	return sampler.New(d, append(pts, n.Point(-1)), kind, s.options()...)
}
