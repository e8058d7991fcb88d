package diffusers

import (
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

const wuerstchenClass = "DDPMWuerstchenScheduler"

func wuerstchen(c *config) { c.Scaler, c.CosineOffset = 1, 0.008 }

// wuerstchen plans DDPMWuerstchenScheduler, of Pernias et al., "Wuerstchen" (2023), arXiv:2306.00637: DDPM over a
// continuous time from 1 to 0 on the cosine schedule of Nichol and Dhariwal 2021, arXiv:2102.09672. Custom timesteps
// hold their end, as set_timesteps wants them.
//
// Where the bounds of alpha-bar make the two ends of a step equal, it would leave the sample as it is, and the plan
// has no such step: more than 157 steps have one.
func (s *Scheduler) wuerstchen(_ *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	if kind != schedule.Epsilon {
		return nil, &Error{Field: "prediction_type", Detail: fmt.Sprintf("%s: want epsilon", kind)}
	}
	if a, b := s.c.Scaler, s.c.CosineOffset; !(a > 0) || !(b >= 0) || math.IsInf(a, 0) || math.IsInf(b, 0) {
		return nil, &Error{Field: "scaler", Detail: fmt.Sprintf("%v, s %v: want a positive number, and one of 0 or more",
			a, b)}
	}
	ts := o.Timesteps
	if ts != nil && (len(ts) < 2 || ts[0] > 1) {
		return nil, &Error{Field: "timesteps", Detail: "want at least 2, from at most 1 to the end of the run"}
	}
	if ts == nil {
		for i := range o.Steps + 1 {
			ts = append(ts, 1-float64(i)/float64(o.Steps))
		}
	}
	pts := []schedule.Point{s.cosine(ts[0])}
	for _, t := range ts[1:] {
		p, last := s.cosine(t), &pts[len(pts)-1]
		switch {
		case p.Alpha > last.Alpha:
			pts = append(pts, p)
		case len(pts) == 1:
			*last = p // at the upper bound of the noise the last of the points is where the sample leaves it
		}
	}
	settled := func(p *sampler.Plan) { // no noise at time 0, though the level there is not 0
		if st := &p.Stages[len(p.Stages)-1]; pts[len(pts)-1].T == 0 {
			st.X.N[0], st.Draws[0] = 0, 0
		}
	}
	return sampler.New(sampler.DDPM{}, pts, kind, settled)
}

// cosine is the point at time t:
//
//	alphabar = cos((u+s)/(1+s) * pi/2)^2 / cos(s/(1+s) * pi/2)^2, from 0.0001 to 0.9999
//	u        = 1-(1-t)^scaler where the scaler is above 1, t^scaler where it is below
func (s *Scheduler) cosine(t float64) schedule.Point {
	u, offset := t, s.c.CosineOffset
	switch {
	case s.c.Scaler > 1:
		u = 1 - math.Pow(1-t, s.c.Scaler)
	case s.c.Scaler < 1:
		u = math.Pow(t, s.c.Scaler)
	}
	c := math.Cos((u + offset) / (1 + offset) * math.Pi / 2)
	c /= math.Cos(offset / (1 + offset) * math.Pi / 2)
	bar := math.Max(0.0001, math.Min(c*c, 0.9999))
	return schedule.Point{T: t, Alpha: math.Sqrt(bar), Sigma: math.Sqrt(1 - bar), In: 1}
}
