package sampler

import "github.com/cudiffuse/cudiffuse/schedule"

// Heun is the second-order solver of Karras et al., "Elucidating the Design Space of Diffusion-Based
// Generative Models" (2022), arXiv:2206.00364, Algorithm 1. Two evaluations a step, one in a step to
// sigma 0.
//
// With s = sigma/alpha, y = x/alpha and the derivative e(y, s) = (y - D)/s:
//
//	y~ = y + (s[t]-s[s])*e(y, s[s])
//	y' = y + (s[t]-s[s])*( e(y, s[s]) + e(y~, s[t]) )/2
type Heun struct{}

// Name implements [Sampler].
func (Heun) Name() string { return "heun" }

// Plan implements [Sampler].
func (Heun) Plan(pts []schedule.Point) (*Plan, error) {
	p := &Plan{}
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		first := Stage{At: s, Eval: true, Step: i, X: eulerTo(s, t, level(t))}
		if t.Sigma == 0 {
			first.Final = true
			p.Stages = append(p.Stages, first)
			continue
		}
		first.Base = &Row{X: 1}
		first.Push = &Row{X: 1 / (s.Alpha * level(s)), D: -1 / level(s)}
		half := t.Alpha * (level(t) - level(s)) / 2
		second := Stage{At: t, Eval: true, Step: i, Final: true,
			X: Row{Base: t.Alpha / s.Alpha, X: half / (t.Alpha * level(t)), D: -half / level(t)}}
		second.X.H[0] = half
		p.Stages = append(p.Stages, first, second)
	}
	return p, nil
}
