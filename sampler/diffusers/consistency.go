package diffusers

import (
	"math"
	"slices"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

const consistencyClass = "CMStochasticIterativeScheduler"

// consistency plans CMStochasticIterativeScheduler. Its timesteps count the levels of Karras et al. 2022
// from the noisiest (0) to the cleanest, and the lowest level is the end.
func (s *Scheduler) consistency(n *schedule.Noise, _ schedule.Kind, o Options) (*sampler.Plan, error) {
	lo, hi, err := s.ownRange()
	if err != nil {
		return nil, err
	}
	levels, err := schedule.Karras(n.Timesteps(), lo, hi, s.c.Rho)
	if err != nil {
		return nil, err
	}
	var pts []schedule.Point
	for _, i := range consistencyTimesteps(n.Timesteps(), o) {
		v := levels[i]
		pts = append(pts, schedule.Point{T: 250 * math.Log(v), Alpha: 1, Sigma: v,
			In: 1 / math.Hypot(v, s.c.SigmaData)})
	}
	pts = append(pts, schedule.VE(0, lo))
	bounded := func(p *sampler.Plan) {
		for i := range p.Stages {
			p.Stages[i].From = boundary(p.Stages[i].At.Sigma, lo, s.c.SigmaData)
		}
	}
	opts := []sampler.Option{sampler.WithInit(hi), bounded}
	if s.c.ClipDenoised {
		opts = append(opts, sampler.WithClip(1))
	}
	c := sampler.Consistency{SigmaMin: &lo, ScaleNoise: &s.c.NoiseScale}
	return sampler.New(c, pts, schedule.X0, opts...) // the kind has no part in it: see bounded
}

// boundary returns the scaling of Song et al. 2023, arXiv:2303.01469, appendix C: at sigma lo the consistency
// function is the sample itself.
func boundary(sigma, lo, data float64) schedule.Scaling {
	above := sigma - lo
	return schedule.Scaling{Skip: data * data / (above*above + data*data),
		Out: above * data / math.Hypot(sigma, data)}
}

// consistencyTimesteps returns indices of the levels, the noisiest first.
func consistencyTimesteps(train int, o Options) []int {
	if o.Timesteps == nil {
		ts := make([]int, o.Steps)
		for i := range ts {
			ts[i] = i * (train / o.Steps)
		}
		return ts
	}
	ts := ints(o.Timesteps) // falling: the last is the noisiest
	slices.Reverse(ts)
	return ts
}
