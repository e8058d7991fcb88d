package sampler

import (
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// DPMSolver is the multistep noise-prediction solver of Lu et al., "DPM-Solver: A Fast ODE Solver for
// Diffusion Probabilistic Model Sampling in Around 10 Steps" (2022), arXiv:2206.00927; the multistep form
// keeps earlier epsilons in place of intermediate evaluations. [DPMSolverPP] is steadier with guidance.
//
// With lambda = ln(alpha/sigma), h = lambda[t]-lambda[s], and the differences D0, D1, D2 of epsilon:
//
//	x' = alpha[t]/alpha[s]*x - sigma[t]*( (e^h-1)*D0 + (e^h-1)/2*D1 )          order 2, midpoint
//	                                    ( (e^h-1)*D0 + h*phi2(h)*D1 )          order 2, heun
//	                                    ( ... + h*phi2(h)*D1 + h*phi3(h)*2*D2 ) order 3
//
// The SDE form (orders 1 and 2) doubles the prediction terms and adds noise sigma[t]*sqrt(e^2h-1). The grid
// must end above sigma 0: epsilon says nothing about a clean sample.
type DPMSolver struct{ Multistep }

// Name implements [Sampler].
func (o DPMSolver) Name() string {
	if o.SDE {
		return "sde-dpmsolver"
	}
	return "dpmsolver"
}

// Plan implements [Sampler].
func (o DPMSolver) Plan(pts []schedule.Point) (*Plan, error) {
	if err := o.check(o.Name()); err != nil {
		return nil, err
	}
	if last := len(pts) - 1; pts[last].Sigma == 0 {
		return nil, &PlanError{Sampler: o.Name(), Step: last - 1,
			Detail: "the grid ends at sigma 0: want a final sigma above 0 (final sigma sigma_min), or DPM-Solver++"}
	}
	if o.SDE && o.order() == 3 {
		return nil, &PlanError{Sampler: o.Name(), Step: -1,
			Detail: "order 3: the SDE form of DPM-Solver has orders 1 and 2"}
	}
	return o.plan(pts, epsilonAt, o.step)
}

func (o DPMSolver) step(s, t schedule.Point, d lambdaSteps, order int) (float64, [3]float64, float64) {
	twice, noise := 1.0, 0.0
	if o.SDE {
		twice, noise = 2, t.Sigma*math.Sqrt(math.Max(math.Expm1(2*d.h), 0))
	}
	e, c := math.Expm1(d.h), -twice*t.Sigma
	w := [3]float64{c * e}
	_, p2, p3 := phi(d.h)
	switch {
	case order == 2 && !o.Heun:
		w[1] = c * e / 2
	case order == 2:
		w[1] = c * d.h * p2
	case order == 3:
		w[1], w[2] = c*d.h*p2, c*o.curvature()*d.h*p3
	}
	return t.Alpha / s.Alpha, w, noise
}
