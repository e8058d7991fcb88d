package sampler

import (
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// FlowHeun is Heun's method for rectified flow (Liu et al. 2022, arXiv:2209.03003; Heun as in Karras et al.
// 2022, arXiv:2206.00364, Algorithm 1, with the flow time in place of sigma). Two evaluations a step, one in
// a step to sigma 0.
//
// Any point is a flow point in another scale c = alpha + sigma: with tau = sigma/c, y = x/c and the velocity
// v(y, tau) = (y - D)/tau:
//
//	y~ = y + (tau[t]-tau[s])*v(y, tau[s])
//	y' = y + (tau[t]-tau[s])*( v(y, tau[s]) + v(y~, tau[t]) )/2
//
// It needs no signal at the start. Churn adds noise in each step in the form of diffusers, after the first
// evaluation and keeping its clean sample. With tau^ = tau[s]*(1+gamma), gamma = min(Churn/(2*steps-1),
// sqrt(2)-1), y gains ChurnNoise*sqrt(tau^^2-tau[s]^2)*noise, the step is tau[t]-tau^ and the first velocity
// is scaled by tau[s]/tau^. The second evaluation draws noise that nothing uses, so that draws keep pace.
type FlowHeun struct {
	Churn      float64 // s_churn, 0 for none
	ChurnMin   float64 // s_tmin: noise only at tau >= ChurnMin
	ChurnMax   float64 // s_tmax: and at tau <= ChurnMax; 0 means no limit
	ChurnNoise float64 // s_noise; 0 means 1
}

// Name implements [Sampler].
func (FlowHeun) Name() string { return "flow_heun" }

// Plan implements [Sampler].
func (o FlowHeun) Plan(pts []schedule.Point) (*Plan, error) {
	churn := Euler(o)
	if err := churn.check("flow_heun"); err != nil {
		return nil, err
	}
	p := &Plan{}
	var n draws
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		cs, tau := flowOf(s)
		ct, next := flowOf(t)
		g := churn.gamma(tau, 2*len(pts)-3)
		hat := tau * (1 + g)
		velocity := Row{X: tau / hat / (cs * tau), D: -tau / hat / tau}
		start := Row{X: 1 / cs} // y, with the noise
		first := Stage{At: s, Eval: true, Step: i}
		if g > 0 {
			start.N[0], first.Draws[0] = churn.noise()*math.Sqrt(hat*hat-tau*tau), n.next()
		}
		first.X = Row{}.plus(ct, start).plus(ct*(next-hat), velocity)
		if t.Sigma == 0 {
			first.Final = true
			p.Stages = append(p.Stages, first)
			continue
		}
		first.Base, first.Push = &start, &velocity
		half := ct * (next - hat) / 2
		second := Stage{At: t, Eval: true, Step: i, Final: true,
			X: Row{Base: ct, X: half / (ct * next), D: -half / next}}
		second.X.H[0] = half
		if g > 0 {
			second.Draws[0] = n.next()
		}
		p.Stages = append(p.Stages, first, second)
	}
	return p, nil
}

// flowOf returns the scale in which p is a flow point, and its flow time.
func flowOf(p schedule.Point) (scale, tau float64) {
	scale = p.Alpha + p.Sigma
	return scale, p.Sigma / scale
}
