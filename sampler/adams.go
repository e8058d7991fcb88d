package sampler

import "github.com/cudiffuse/cudiffuse/schedule"

// epsilonAt is the noise at p as a row: (x - alpha*D)/sigma.
func epsilonAt(p schedule.Point) Row { return Row{X: 1 / p.Sigma, D: -p.Alpha / p.Sigma} }

// adams builds the plan of a linear multistep method. In y = x/alpha and s = sigma/alpha the
// probability-flow ODE is dy/ds = epsilon, so such a method is
//
//	x' = alpha[t]*( x/alpha[s] + w[0]*epsilon[i] + w[1]*epsilon[i-1] + ... )
//
// weights returns w for step i: no more than order of them, and no more than i+1.
func adams(name string, pts []schedule.Point, order int, weights func(i int) []float64) (*Plan, error) {
	if pts[0].Alpha == 0 {
		return nil, noSignal(name)
	}
	p := &Plan{}
	slots := max(order-1, 1)
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		w, now := weights(i), epsilonAt(s)
		st := Stage{At: s, Eval: true, Step: i, Final: true}
		st.X = Row{X: t.Alpha/s.Alpha + t.Alpha*w[0]*now.X, D: t.Alpha * w[0] * now.D}
		for k := 1; k < len(w); k++ {
			st.X.H[(i-k)%slots] = t.Alpha * w[k]
		}
		if order > 1 && i+2 < len(pts) {
			st.Push, st.Slot = &now, i%slots
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}
