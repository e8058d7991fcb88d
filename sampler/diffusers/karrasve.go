package diffusers

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

const karrasVEClass = "KarrasVeScheduler"

func karrasVE(c *config) {
	lo, hi := 0.02, 100.0
	c.SigmaMin, c.SigmaMax, c.NoiseScale, c.Churn, c.ChurnMin, c.ChurnMax = &lo, &hi, 1.007, 80, 0.05, 50
}

// karrasVE plans KarrasVeScheduler, Algorithm 2 of Karras et al. 2022, arXiv:2206.00364. The quirk: the levels are the
// squares of those that the paper has for this grid, from sigma_max^2 to sigma_min^2, but the sample starts with
// sigma_max. A network's output is what step() takes: the clean sample less the noisy one, over the level.
func (s *Scheduler) karrasVE(_ *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	fail := func(field, format string, a ...any) (*sampler.Plan, error) {
		return nil, &Error{Field: field, Detail: fmt.Sprintf(format, a...)}
	}
	if kind != schedule.Epsilon {
		return fail("prediction_type", "%s: this class has none", kind)
	}
	if o.Timesteps != nil {
		return fail("timesteps", "contradict the noise levels of this class: want steps")
	}
	if o.Steps < 2 {
		return fail("steps", "%d: want at least 2, the ends of the grid", o.Steps)
	}
	if !(s.c.NoiseScale > 0) {
		return fail("s_noise", "%v: want a positive number", s.c.NoiseScale)
	}
	lo, hi, err := s.ownRange()
	if err != nil {
		return nil, err
	}
	levels, err := schedule.Exponential(o.Steps, lo*lo, hi*hi)
	if err != nil {
		return nil, err
	}
	var pts []schedule.Point
	for _, v := range append(levels, 0) {
		pts = append(pts, schedule.VE(v, v))
	}
	h := sampler.Heun{Churn: s.c.Churn, ChurnMin: s.c.ChurnMin, ChurnMax: s.c.ChurnMax, ChurnNoise: s.c.NoiseScale,
		Timesteps: func(level float64) float64 { return level }}
	if h.ChurnMax == 0 { // no level is at or below it; in Heun it is no limit
		h.Churn = 0
	}
	plain := func(p *sampler.Plan) {
		for i := range p.Stages {
			p.Stages[i].At.In = 1
			p.Stages[i].From = schedule.Scaling{Skip: 1, Out: p.Stages[i].At.Sigma}
		}
	}
	return sampler.New(h, pts, kind, sampler.WithInit(hi), plain)
}
