package sampler

import "github.com/cudiffuse/cudiffuse/schedule"

// Heun is the second-order solver of Karras et al., "Elucidating the Design Space of Diffusion-Based
// Generative Models" (2022), arXiv:2206.00364, Algorithm 1 and, with Churn, Algorithm 2. Two evaluations a step, one in a step to
// sigma 0.
//
// With s = sigma/alpha, y = x/alpha and the derivative e(y, s) = (y - D)/s:
//
//	y~ = y + (s[t]-s[s])*e(y, s[s])
//	y' = y + (s[t]-s[s])*( e(y, s[s]) + e(y~, s[t]) )/2
//
// Churn > 0 first raises the sample to the level s^ = s*(1+gamma), gamma = min(Churn/steps, sqrt(2)-1), by noise, and
// the step starts there: a launch more, and no evaluation.
//
//	y^ = y + ChurnNoise*sqrt(s^^2 - s^2)*noise
type Heun struct {
	Churn      float64   // S_churn, 0 for none
	ChurnMin   float64   // S_tmin: noise only at s >= ChurnMin
	ChurnMax   float64   // S_tmax: and at s <= ChurnMax; 0 means no limit
	ChurnNoise float64   // S_noise; 0 means 1
	Timesteps  Timesteps // of the raised levels
}

// Name implements [Sampler].
func (Heun) Name() string { return "heun" }

func (o Heun) withNoise(n *schedule.Noise) Sampler { o.Timesteps = timestepsOf(n); return o }

// Plan implements [Sampler].
func (o Heun) Plan(pts []schedule.Point) (*Plan, error) {
	churn := Euler{Churn: o.Churn, ChurnMin: o.ChurnMin, ChurnMax: o.ChurnMax, ChurnNoise: o.ChurnNoise}
	if err := churn.check("heun"); err != nil {
		return nil, err
	}
	p := &Plan{}
	var n draws
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		if g := churn.gamma(level(s), len(pts)-1); g > 0 {
			hat := o.Timesteps.at(level(s)*(1+g), s, t)
			raise := renoise(s, hat, n.next())
			raise.Step = i
			raise.X.N[0] *= churn.noise()
			p.Stages = append(p.Stages, raise)
			s = hat
		}
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
