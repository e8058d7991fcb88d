package sampler

import "github.com/cudiffuse/cudiffuse/schedule"

// DPMSolverSinglestep is the singlestep form of DPM-Solver++ (Lu et al. 2022, arXiv:2211.01095, Algorithm
// 1) and, with Noise, of DPM-Solver (Lu et al. 2022, arXiv:2206.00927, Algorithms 1 and 2), on the points of
// a grid as the intermediate ones: one evaluation a point, Order points a step.
//
// A step starts at x, with the prediction m2, and goes on to the points at the fractions r1 and r0 of its h,
// with m1 and m0. With the weights w of [DPMSolverPP] and [DPMSolver] (their h that of the whole step):
//
//	x' = w[x]*x + w[0]*m2                                       order 1
//	   + w[1]*(m0-m2)/r0                                        order 2; order 3, midpoint
//	   + w[1]*(r0*a - r1*b)/(r0-r1) + w[2]*2*(b-a)/(r0-r1)      order 3, heun: a = (m1-m2)/r1, b = (m0-m2)/r0
//
// Order 3 is reached where r1 = 1/3 and r0 = 2/3, on grids that are even in lambda. The step to sigma 0 and
// that from a point without signal are of order 1. The SDE form draws noise at every evaluation.
type DPMSolverSinglestep struct {
	Order     int  // 1, 2 or 3; 0 means 2
	Heun      bool // the steps in the form that diffusers calls heun, otherwise midpoint
	SDE       bool // the reverse SDE in place of the ODE; not with Noise
	Noise     bool // predict the noise (DPM-Solver) in place of the clean sample (DPM-Solver++)
	KeepOrder bool // do not lower the order at the end; no effect on a grid that ends at sigma 0

	// Published weighs the curvature of SDE, Heun and order 3 as diffusers does, where its sign is turned
	// over. For exact comparison.
	Published bool
}

// Name implements [Sampler].
func (o DPMSolverSinglestep) Name() string {
	switch {
	case o.Noise:
		return "dpmsolver singlestep"
	case o.SDE:
		return "sde-dpmsolver++ singlestep"
	}
	return "dpmsolver++ singlestep"
}

func (o DPMSolverSinglestep) check(pts []schedule.Point) error {
	if err := (Multistep{Order: o.Order}).check(o.Name()); err != nil {
		return err
	}
	last := len(pts) - 1
	fail := func(step int, detail string) error {
		return &PlanError{Sampler: o.Name(), Step: step, Detail: detail}
	}
	switch {
	case o.Noise && o.SDE:
		return fail(-1, "both SDE and Noise: want one of them")
	case o.Noise && pts[0].Alpha == 0:
		return noSignal(o.Name())
	case o.Noise && pts[last].Sigma == 0:
		return fail(last-1, "the grid ends at sigma 0: want a final sigma above 0 (final sigma sigma_min), "+
			"or DPM-Solver++")
	}
	return nil
}

// orders returns the order of each evaluation: 1, 2, 3, 1, 2, 3 and so on, lowered at the end.
func (o DPMSolverSinglestep) orders(pts []schedule.Point) []int {
	n, k := len(pts)-1, nonZero(o.Order, 2)
	toZero := pts[n].Sigma == 0
	list := make([]int, 0, n)
	if pts[0].Alpha == 0 {
		list, n = append(list, 1), n-1
	}
	for i := range n {
		list = append(list, i%k+1)
	}
	// As the authors' code does: a run of whole steps ends in a shorter step and one of order 1.
	if toZero || n%k == 0 && !o.KeepOrder {
		list[len(list)-1] = 1
	}
	return list
}

// Plan implements [Sampler].
func (o DPMSolverSinglestep) Plan(pts []schedule.Point) (*Plan, error) {
	if err := o.check(pts); err != nil {
		return nil, err
	}
	p := &Plan{}
	var n draws
	orders := o.orders(pts)
	for i, order := range orders {
		x, m, noise := o.weights(pts[i-order+1:i+2], order)
		now := Row{D: 1}
		if o.Noise {
			now = epsilonAt(pts[i])
		}
		st := Stage{At: pts[i], Eval: true, Step: i, Final: true}
		st.X = Row{}.plus(m[order-1], now)
		copy(st.X.H[:], m[:order-1])
		goesOn := i+1 < len(orders) && orders[i+1] > 1
		if order == 1 {
			st.X.X += x
		} else {
			st.X.Base = x
		}
		if order == 1 && goesOn {
			st.Base = &Row{X: 1}
		}
		if goesOn {
			st.Push, st.Slot = &now, order-1
		}
		if o.SDE {
			st.X.N[0], st.Draws[0] = noise, n.next()
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}

// weights returns those of x, of the predictions from the oldest on, and of the noise, for the step from
// pts[0] to the last of its order+1 points.
func (o DPMSolverSinglestep) weights(
	pts []schedule.Point, order int,
) (x float64, m [3]float64, noise float64) {
	s, t := pts[0], pts[order]
	fraction := func(p schedule.Point) float64 {
		return (p.Lambda() - s.Lambda()) / (t.Lambda() - s.Lambda())
	}
	x, w, noise := o.taylor(s, t, order)
	if order == 1 {
		return x, w, noise
	}
	r0 := fraction(pts[order-1])
	if order == 2 || !o.Heun {
		m[0], m[order-1] = w[0]-w[1]/r0, w[1]/r0
		return x, m, noise
	}
	r1 := fraction(pts[1])
	a := (w[1]*r0 - 2*w[2]) / (r0 - r1) / r1
	b := (2*w[2] - w[1]*r1) / (r0 - r1) / r0
	return x, [3]float64{w[0] - a - b, a, b}, noise
}

// taylor returns the weights of x, of the derivatives of the prediction over the step (as the unit), and of
// the noise.
func (o DPMSolverSinglestep) taylor(s, t schedule.Point, order int) (float64, [3]float64, float64) {
	m := Multistep{Heun: o.Heun, SDE: o.SDE, HalfCurvature: true} // the curvature is f'', not half of it
	d := lambdaSteps{h: t.Lambda() - s.Lambda()}
	switch {
	case o.Noise:
		return DPMSolver{m}.step(s, t, d, order)
	case !o.SDE:
		return DPMSolverPP{m}.ode(s, t, d, order)
	}
	x, w, noise := DPMSolverPP{m}.sde(s, t, d, order)
	if order == 3 && !o.Published {
		_, _, p3 := phi(-2 * d.h)
		w[2] = t.Alpha * 2 * d.h * p3
	}
	return x, w, noise
}
