package diffusers

import (
	"math"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// tcd plans TCDScheduler, which ends at timestep 0.
func (s *Scheduler) tcd(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	ts, err := s.discreteTimesteps(n, o)
	if err != nil {
		return nil, err
	}
	pts := pointsAt(n, ts)
	gamma := o.Gamma
	if gamma == nil && o.Eta != 0 {
		gamma = &o.Eta
	}
	return sampler.New(sampler.TCD{Gamma: gamma, Noise: n}, append(pts, n.Point(0)), kind)
}

// ipndm plans IPNDMScheduler, which has a schedule of its own: sigma = sin^2 of an even angle, and a timestep
// from 1 to 0 that is the angle of (alpha, sigma).
func (s *Scheduler) ipndm(_ *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	if s.c.TrainedBetas != nil {
		return nil, &Error{Field: "trained_betas",
			Detail: "not supported: want null, and the schedule of this class"}
	}
	if o.Timesteps != nil {
		return nil, &Error{Field: "timesteps", Detail: "contradict the schedule of this class: want steps"}
	}
	var pts []schedule.Point
	for i := range o.Steps + 1 {
		sin := math.Sin((1 - float64(i)/float64(o.Steps)) * math.Pi / 2)
		sigma := sin * sin
		alpha := math.Sqrt(1 - sigma*sigma)
		t := math.Atan2(sigma, alpha) / math.Pi * 2
		pts = append(pts, schedule.Point{T: t, Alpha: alpha, Sigma: sigma, In: 1})
	}
	return sampler.New(sampler.IPNDM{}, pts, kind)
}
