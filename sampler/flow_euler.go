package sampler

import "github.com/cudiffuse/cudiffuse/schedule"

// FlowEuler is the Euler method of rectified flow, Liu et al., "Flow Straight and Fast" (2022),
// arXiv:2209.03003, in the form of Esser et al., "Scaling Rectified Flow Transformers" (2024),
// arXiv:2403.03206. On a flow grid, alpha = 1 - sigma and the velocity is v = (x - D)/sigma:
//
//	x' = x + (sigma[t] - sigma[s])*v = sigma[t]/sigma[s]*x + (alpha[t] - sigma[t]/sigma[s]*alpha[s])*D
//
// The right side holds on every grid, where it is [DDIM] with Eta 0, and needs no alpha above 0 at the
// start. Stochastic draws all noise anew in each step, which consistency-distilled flows want:
//
//	x' = alpha[t]*D + sigma[t]*noise
type FlowEuler struct {
	Stochastic bool
}

// Name implements [Sampler].
func (FlowEuler) Name() string { return "flow_euler" }

// Plan implements [Sampler].
func (o FlowEuler) Plan(pts []schedule.Point) (*Plan, error) {
	p := &Plan{}
	var n draws
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		q := t.Sigma / s.Sigma
		st := Stage{At: s, Eval: true, Step: i, Final: true, X: Row{X: q, D: t.Alpha - q*s.Alpha}}
		if o.Stochastic {
			st.X = Row{D: t.Alpha}
			if t.Sigma > 0 {
				st.X.N[0], st.Draws[0] = t.Sigma, n.next()
			}
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}
