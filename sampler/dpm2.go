package sampler

import "github.com/cudiffuse/cudiffuse/schedule"

// DPM2 is the second-order midpoint solver of Karras et al. 2022, arXiv:2206.00364, Algorithm 1 with the
// midpoint of DPM-Solver-2 (Lu et al. 2022, arXiv:2206.00927), as k-diffusion defines it (sample_dpm_2).
// Two evaluations a step, one in a step to sigma 0.
//
// With s = sigma/alpha, y = x/alpha, e(y, s) = (y - D)/s and the middle m = sqrt(s[s]*s[t]), half way in
// lambda:
//
//	y~ = y + (m - s[s])*e(y, s[s])
//	y' = y + (s[t] - s[s])*e(y~, m)
type DPM2 struct {
	Timesteps Timesteps // of the middles
}

// Name implements [Sampler].
func (DPM2) Name() string { return "dpm_2" }

func (o DPM2) withNoise(n *schedule.Noise) Sampler { o.Timesteps = timestepsOf(n); return o }

// Plan implements [Sampler].
func (o DPM2) Plan(pts []schedule.Point) (*Plan, error) {
	if pts[0].Alpha == 0 {
		return nil, noSignal("dpm_2")
	}
	p := &Plan{}
	for i := range len(pts) - 1 {
		p.Stages = append(p.Stages, midpoint(i, pts[i], pts[i+1], level(pts[i+1]), o.Timesteps)...)
	}
	return p, nil
}

// midpoint is the step from s down to level l, in the scale of t: by way of the middle, or straight to 0.
func midpoint(i int, s, t schedule.Point, l float64, f Timesteps) []Stage {
	if l == 0 {
		return []Stage{{At: s, Eval: true, Step: i, Final: true, X: eulerTo(s, t, 0)}}
	}
	m := f.middle(s, schedule.Point{T: t.T, Alpha: t.Alpha, Sigma: t.Alpha * l, In: t.In})
	slope := epsilonAt(m)
	return []Stage{
		{At: s, Eval: true, Step: i, X: eulerTo(s, m, level(m)), Base: &Row{X: 1}},
		{At: m, Eval: true, Step: i, Final: true,
			X: Row{Base: t.Alpha / s.Alpha}.plus(t.Alpha*(l-level(s)), slope)},
	}
}
