package sampler

import (
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// SASolver is the stochastic Adams method of Xue et al., "SA-Solver: Stochastic Adams Solver for Fast
// Sampling of Diffusion Models" (2023), arXiv:2309.05019, Algorithm 1, with one evaluation a step: the
// corrector uses the one that the next step makes anyway.
//
// With lambda = ln(alpha/sigma), h = lambda[t]-lambda[s], q = 1+tau^2 and the Lagrange polynomials L of the
// predictor's nodes lambda[i], lambda[i-1], ... (for the corrector lambda[i+1] comes first):
//
//	x'   = sigma[t]/sigma[s]*e^(-tau^2*h)*x + sum_k w[k]*D[k] + sigma[t]*sqrt(1-e^(-2*tau^2*h))*noise
//	w[k] = alpha[t] * integral of q*e^(-q*(lambda[t]-lambda))*L[k] over the step
//
// The corrector has the noise of the predictor. Two nodes weigh their difference h/2 in place of
// h*phi2(-q*h), as published: of the same order and better in few steps. Noise prediction has
//
//	x' = alpha[t]/alpha[s]*x - sum_k w[k]*epsilon[k] + tau*sigma[t]*sqrt(e^2h-1)*noise
//	w[k] = q*sigma[t] * integral of e^(lambda[t]-lambda)*L[k]
//
// Step i has draw i+1, drawn or not. The steps that h is infinite for, to sigma 0 and from alpha 0, are of
// first order.
type SASolver struct {
	Predictor int      // nodes of the predictor, 1 to 4; 0 means 2
	Corrector int      // nodes of the corrector, 1 to 4; 0 means 2
	Tau       *float64 // noise: 0 is the ODE, 1 the reverse SDE; nil means 1
	Low, High float64  // timesteps between which Tau applies, otherwise it is 0; both 0 means everywhere
	Noise     bool     // noise prediction, otherwise data prediction
	KeepOrder bool     // do not lower the order in the last steps

	NoCorrector bool // the predictor alone
	Reevaluate  bool // evaluate again after the corrector (PECE): two evaluations a step
}

// Name implements [Sampler].
func (SASolver) Name() string { return "sa_solver" }

// withNoise sets the published range of Tau: all but the first and the last fifth of the timesteps.
func (o SASolver) withNoise(n *schedule.Noise) Sampler {
	if o.Low == 0 && o.High == 0 {
		o.Low, o.High = 0.2*float64(n.Timesteps()), 0.8*float64(n.Timesteps())
	}
	return o
}

// Plan implements [Sampler].
func (o SASolver) Plan(pts []schedule.Point) (*Plan, error) {
	o.Predictor, o.Corrector = nonZero(o.Predictor, 2), nonZero(o.Corrector, 2)
	if err := o.check(pts); err != nil {
		return nil, err
	}
	p := &Plan{}
	slots := max(o.Predictor-1, o.Corrector-1, 1)
	for i := range len(pts) - 1 {
		now := Row{D: 1}
		if o.Noise {
			now = epsilonAt(pts[i])
		}
		st := Stage{At: pts[i], Eval: true, Step: i, Final: true}
		here := Row{X: 1} // the sample at pts[i], corrected
		if o.corrects(i-1, pts) {
			keep, w, std := o.step(i-1, pts, true)
			here = Row{Base: keep}.plus(w[0], now)
			for k := 1; k < len(w); k++ {
				here.H[(i-k)%slots] += w[k]
			}
			if here.N[0] = std; std != 0 {
				st.Draws[0] = i
			}
			if o.Reevaluate {
				st.X, st.Final = here, false
				p.Stages = append(p.Stages, st)
				st.Final, st.Draws[0] = true, 0
				here = Row{X: 1}
			}
		}
		keep, w, std := o.step(i, pts, false)
		st.X = Row{}.plus(keep, here).plus(w[0], now)
		for k := 1; k < len(w); k++ {
			st.X.H[(i-k)%slots] += w[k]
		}
		free := 0
		if st.X.N[0] != 0 {
			free = 1
		} else {
			st.Draws[0] = 0 // the corrected sample has no part in a last step to sigma 0
		}
		if st.X.N[free] = std; std != 0 {
			st.Draws[free] = i + 1
		}
		if i+2 < len(pts) {
			st.Push, st.Slot = &now, i%slots
			if o.corrects(i, pts) {
				st.Base = &here
			}
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}

func (o SASolver) check(pts []schedule.Point) error {
	fail := func(format string, a ...any) error {
		return &PlanError{Sampler: o.Name(), Step: -1, Detail: fmt.Sprintf(format, a...)}
	}
	switch tau := o.tau(pts[0]); {
	case o.Predictor < 1 || o.Predictor > 4 || o.Corrector < 1 || o.Corrector > 4:
		return fail("orders %d and %d of predictor and corrector: want 1 to 4", o.Predictor, o.Corrector)
	case o.Tau != nil && !(*o.Tau >= 0 && *o.Tau <= 10):
		return fail("tau %v: want 0 to 10", *o.Tau)
	case !finite(tau, o.Low, o.High) || o.Low > o.High:
		return fail("tau between timesteps %v and %v: want rising numbers", o.Low, o.High)
	case o.Noise && (pts[0].Alpha == 0 || pts[len(pts)-1].Sigma == 0):
		return fail("alpha 0 at the start or sigma 0 at the end: want data prediction there")
	}
	return nil
}

// tau returns it for the step from s.
func (o SASolver) tau(s schedule.Point) float64 {
	if (o.Low != 0 || o.High != 0) && (s.T < o.Low || s.T > o.High) {
		return 0
	}
	return valueOr(o.Tau, 1)
}

// endless tells whether h of step i is infinite, or 0 as in a last step that stands still.
func endless(i int, pts []schedule.Point) bool {
	return pts[i].Alpha == 0 || pts[i+1].Sigma == 0 || pts[i].Lambda() >= pts[i+1].Lambda()
}

// corrects tells whether the result of step i is corrected by the next evaluation.
func (o SASolver) corrects(i int, pts []schedule.Point) bool {
	return !o.NoCorrector && i >= 0 && i+2 < len(pts) && !endless(i, pts)
}

// nodes returns how many predictions step i has, those behind a point without signal not among them.
func (o SASolver) nodes(i int, pts []schedule.Point, correct bool) int {
	if endless(i, pts) {
		return 1
	}
	known, left := i+1, len(pts)-1-i
	if pts[0].Alpha == 0 {
		known--
	}
	order := o.Predictor
	if correct {
		known, left, order = known+1, left+1, o.Corrector
	}
	if o.KeepOrder {
		left = order
	}
	return max(min(known, left, order), 1)
}

// step returns the weight of the sample, of the predictions, newest first, and of the noise in step i: those
// of the predictor or, with correct, of the corrector, whose first prediction is that at the end of the step.
func (o SASolver) step(i int, pts []schedule.Point, correct bool) (keep float64, w []float64, std float64) {
	s, t := pts[i], pts[i+1]
	tau2 := o.tau(s) * o.tau(s)
	h := t.Lambda() - s.Lambda()
	if math.IsInf(h, 1) {
		w = []float64{t.Alpha}
		if tau2 > 0 {
			return 0, w, t.Sigma
		}
		keep = t.Sigma / s.Sigma
		return keep, []float64{t.Alpha - keep*s.Alpha}, 0
	}
	z, scale := -(1+tau2)*h, (1+tau2)*h*t.Alpha
	keep = t.Sigma / s.Sigma * math.Exp(-tau2*h)
	std = t.Sigma * math.Sqrt(-math.Expm1(-2*tau2*h))
	if o.Noise {
		z, scale, keep = h, -(1+tau2)*h*t.Sigma, t.Alpha/s.Alpha
		std = math.Sqrt(tau2) * t.Sigma * math.Sqrt(math.Expm1(2*h))
	}
	n := o.nodes(i, pts, correct)
	first := i
	if correct {
		first++
	}
	r, moments := make([]float64, n), phis(z, n)
	for k := range n {
		if n > 1 {
			r[k] = (pts[first-k].Lambda() - s.Lambda()) / h
		}
		moments[k] *= scale * factorial(k)
	}
	if n == 2 && !o.Noise {
		moments[1] = scale / 2
	}
	return keep, vandermonde(r, moments), std
}
