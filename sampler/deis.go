package sampler

import "github.com/cudiffuse/cudiffuse/schedule"

// DEIS is the exponential integrator of Zhang and Chen, "Fast Sampling of Diffusion Models with Exponential
// Integrator" (2022), arXiv:2204.13902, with the polynomial in log rho, rho = sigma/alpha ("logrho" in
// diffusers).
//
//	x' = alpha[t]*( x/alpha[s] + sum_k C[k]*epsilon[i-k] )
//	C[k] = integral from rho[s] to rho[t] of prod_{j != k} ln(rho/rho[i-j])/ln(rho[i-k]/rho[i-j])
//
// With lambda = -ln(rho) these integrals are those of the phi functions, so this is [DPMSolver] in its heun
// form; the integrals of the published code, which cancel, are not needed. A step to sigma 0 is of first
// order and ends at D.
type DEIS struct {
	Order     int  // 1, 2 or 3; 0 means 2
	KeepOrder bool // do not lower the order in the last steps when there are fewer than 15
}

// Name implements [Sampler].
func (DEIS) Name() string { return "deis" }

// Plan implements [Sampler].
func (o DEIS) Plan(pts []schedule.Point) (*Plan, error) {
	m := Multistep{Order: o.Order, KeepOrder: o.KeepOrder, Heun: true}
	if err := m.check("deis"); err != nil {
		return nil, err
	}
	if pts[0].Alpha == 0 {
		return nil, noSignal("deis")
	}
	solver := DPMSolver{m}
	step := func(s, t schedule.Point, d lambdaSteps, order int) (float64, [3]float64, float64) {
		if order == 1 {
			return t.Alpha / s.Alpha, [3]float64{t.Alpha * (level(t) - level(s))}, 0
		}
		return solver.step(s, t, d, order)
	}
	return m.plan(pts, epsilonAt, step)
}

// noSignal refuses a grid that starts where sigma/alpha is infinite.
func noSignal(name string) error {
	return &PlanError{Sampler: name, Step: 0,
		Detail: "no signal at the first point: want alpha above 0, where sigma/alpha is finite"}
}
