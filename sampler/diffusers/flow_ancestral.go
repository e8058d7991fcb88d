package diffusers

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

const flowAncestralClass = "LTXEulerAncestralRFScheduler"

func flowAncestral(c *config) {
	flowing(c)
	c.Eta = 1
}

// flowAncestral plans LTXEulerAncestralRFScheduler. Its flow times are those of FlowMatchEulerDiscreteScheduler, with
// that class's keys where the config has them; given ones are taken as they are and hold the end.
func (s *Scheduler) flowAncestral(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	if s.c.InvertSigmas {
		return nil, &Error{Field: "invert_sigmas", Detail: "true leads from data to noise in this class: want false"}
	}
	if s.c.NoiseScale == 0 && s.c.Eta > 0 {
		return nil, &Error{Field: "s_noise", Detail: fmt.Sprintf("0 with eta %v leaves samples below the level of their "+
			"step: want eta 0, or a positive s_noise", s.c.Eta)}
	}
	T := float64(n.Timesteps())
	sigmas := o.Sigmas
	if sigmas == nil {
		var err error
		if sigmas, err = s.flowTimes(T, o); err != nil {
			return nil, err
		}
		sigmas = append(sigmas, 0)
	}
	if sigmas[0] > 1 {
		return nil, &Error{Field: "sigmas", Detail: fmt.Sprintf("%v: want flow times, 1 or less", sigmas[0])}
	}
	var pts []schedule.Point
	for _, v := range sigmas {
		pts = append(pts, schedule.Flow(v*T, v))
	}
	e := sampler.FlowEulerAncestral{Eta: &s.c.Eta, Noise: &s.c.NoiseScale}
	return sampler.New(e, pts, kind)
}
