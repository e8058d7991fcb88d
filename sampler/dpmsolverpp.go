package sampler

import (
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// DPMSolverPP is the multistep data-prediction solver of Lu et al., "DPM-Solver++: Fast Solver for Guided
// Sampling of Diffusion Probabilistic Models" (2022), arXiv:2211.01095, Algorithm 2 and its third-order
// form. Order 2 is the field's default sampler.
//
// With lambda = ln(alpha/sigma), h = lambda[t]-lambda[s], the differences D0, D1, D2 of the predictions
// and phi as in phi.go:
//
//	x' = sigma[t]/sigma[s]*x + alpha[t]*( (1-e^-h)*D0 + (1-e^-h)/2*D1 )        order 2, midpoint
//	                                   ( (1-e^-h)*D0 + h*phi2(-h)*D1 )        order 2, heun
//	                                   ( ... + h*phi2(-h)*D1 + h*phi3(-h)*2*D2 ) order 3
//
// The SDE form replaces h by 2h in the exponentials, multiplies x by e^-h more, and adds noise
// sigma[t]*sqrt(1-e^-2h). A step to sigma 0 (h infinite) and the first one are of first order.
type DPMSolverPP struct{ Multistep }

// Name implements [Sampler].
func (o DPMSolverPP) Name() string {
	if o.SDE {
		return "sde-dpmsolver++"
	}
	return "dpmsolver++"
}

// Plan implements [Sampler].
func (o DPMSolverPP) Plan(pts []schedule.Point) (*Plan, error) {
	if err := o.check(o.Name()); err != nil {
		return nil, err
	}
	step := o.ode
	if o.SDE {
		step = o.sde
	}
	return o.plan(pts, func(schedule.Point) Row { return Row{D: 1} }, step)
}

func (o DPMSolverPP) ode(s, t schedule.Point, d lambdaSteps, order int) (float64, [3]float64, float64) {
	e := -math.Expm1(-d.h) // 1 - e^-h
	w := [3]float64{t.Alpha * e}
	_, p2, p3 := phi(-d.h)
	switch {
	case order == 2 && !o.Heun:
		w[1] = t.Alpha * e / 2
	case order == 2:
		w[1] = t.Alpha * d.h * p2
	case order == 3:
		w[1], w[2] = t.Alpha*d.h*p2, t.Alpha*o.curvature()*d.h*p3
	}
	return t.Sigma / s.Sigma, w, 0
}

func (o DPMSolverPP) sde(s, t schedule.Point, d lambdaSteps, order int) (float64, [3]float64, float64) {
	e := -math.Expm1(-2 * d.h)
	w := [3]float64{t.Alpha * e}
	_, p2, p3 := phi(-2 * d.h)
	switch {
	case order == 2 && !o.Heun:
		w[1] = t.Alpha * e / 2
	case order == 2:
		w[1] = t.Alpha * 2 * d.h * p2
	case order == 3:
		w[1], w[2] = t.Alpha*2*d.h*p2, t.Alpha*2*o.curvature()*d.h*p3
		if o.HalfCurvature {
			// diffusers has (1-e^-2h-2h)/(2h)^2 - 1/2 here, with the sign of the last term turned over.
			w[2] = t.Alpha * (-p2 - 0.5)
		}
	}
	return t.Sigma / s.Sigma * math.Exp(-d.h), w, t.Sigma * math.Sqrt(math.Max(e, 0))
}
