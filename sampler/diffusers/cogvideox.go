package diffusers

import (
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

const (
	cogDDIMClass = "CogVideoXDDIMScheduler"
	cogDPMClass  = "CogVideoXDPMScheduler"
)

// cogVideoX are the defaults of its classes.
func cogVideoX(c *config) {
	latent(c)
	c.SNRShift = 3
}

// unclipped takes back clip_sample, which these classes have and do not use.
func unclipped(c *config) { c.ClipSample = false }

// cogDDIM plans CogVideoXDDIMScheduler: DDIM with eta 0, whatever eta is, on a forward process whose SNR is shifted.
func (s *Scheduler) cogDDIM(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	if o.Timesteps != nil {
		return nil, &Error{Field: "timesteps", Detail: "contradict the grid of this class: want steps"}
	}
	ddim := *s
	ddim.c.Class = "DDIMScheduler"
	o.Eta = 0
	return ddim.discrete(n, kind, o)
}

// cogDPM plans CogVideoXDPMScheduler: SDE-DPM-Solver++(2M) on the timesteps of DDIM. The quirk is DDIM's: a step goes
// to t - T/steps, whatever the next timestep is. Only the first step, and one that ends below timestep 0, are of order 1.
func (s *Scheduler) cogDPM(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	if o.Timesteps != nil {
		return nil, &Error{Field: "timesteps", Detail: "contradict the grid of this class: want steps"}
	}
	ts, err := s.discreteTimesteps(n, o)
	if err != nil {
		return nil, err
	}
	final := n.Point(-1)
	if !s.c.SetAlphaToOne {
		final = n.Point(0)
	}
	m := sampler.Multistep{SDE: true, KeepOrder: true}
	var pts []schedule.Point
	stride := n.Timesteps() / len(ts)
	for _, t := range ts {
		pts = append(pts, n.Point(t))
		m.EulerAtFinal = t < stride
		to := final
		if t >= stride {
			to = n.Point(t - stride)
		}
		m.Targets = append(m.Targets, to)
	}
	return sampler.New(sampler.DPMSolverPP{Multistep: m}, append(pts, n.Point(-1)), kind, s.options()...)
}
