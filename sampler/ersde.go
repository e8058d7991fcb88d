package sampler

import (
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// ERSDE is the extended reverse-time SDE solver of Cui et al., "Elucidating the solution space of extended
// reverse-time SDE for diffusion models" (2023), arXiv:2309.06169, Algorithms 2 to 4 with data prediction.
//
// With s = sigma/alpha, y = x/alpha and a noise scale f(s), which says how much noise the SDE has:
//
//	y'   = r*y + sum_k w[k]*D[i-k] + sqrt(s[t]^2 - r^2*s[s]^2)*noise,   r = f(s[t])/f(s[s])
//	w[k] = f(s[t]) * integral from s[t] to s[s] of f'(s)/f(s)^2 * L[k](s)
//
// L are the Lagrange polynomials of the newest Order levels; f(s) = s is the ODE, f(s) = s^2 the reverse SDE.
// A step to sigma 0, and one from alpha 0, are of first order.
type ERSDE struct {
	Order int                         // 1 to 3; 0 means 3
	Scale func(level float64) float64 // f, positive and rising; nil means s*(e^(s^0.3)+10), as published

	// Published has the weights of the authors' code: differences in place of L, where the first one is not
	// corrected by the second, and sums of 200 terms in place of the integrals, which leave a small error of
	// order 1 (measured 1.2 in 128 to 512 steps, against 3.0). For exact comparison with ComfyUI.
	Published bool
}

// Name implements [Sampler].
func (ERSDE) Name() string { return "er_sde" }

// Plan implements [Sampler].
func (o ERSDE) Plan(pts []schedule.Point) (*Plan, error) {
	order := nonZero(o.Order, 3)
	if order < 1 || order > 3 {
		return nil, orderError(o.Name(), o.Order, 3)
	}
	if o.Scale == nil {
		o.Scale = func(s float64) float64 { return s * (math.Exp(math.Pow(s, 0.3)) + 10) }
	}
	p := &Plan{}
	var n draws
	slots := max(order-1, 1)
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		known := i + 1
		if pts[0].Alpha == 0 {
			known = max(known-1, 1)
		}
		keep, w, std := o.step(i, min(order, known), pts)
		if !(std >= 0) {
			return nil, &PlanError{Sampler: o.Name(), Step: i, Detail: fmt.Sprintf("the noise scale from level %v "+
				"to %v leaves a negative variance: want one that falls at least as fast", level(s), level(t))}
		}
		st := Stage{At: s, Eval: true, Step: i, Final: true, X: Row{X: keep, D: w[0]}}
		for k := 1; k < len(w); k++ {
			st.X.H[(i-k)%slots] = w[k]
		}
		if std > 0 {
			st.X.N[0], st.Draws[0] = std, n.next()
		}
		if order > 1 && i+2 < len(pts) {
			st.Push, st.Slot = &Row{D: 1}, i%slots
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}

// step returns the weights of the sample, of the predictions, newest first, and of the noise.
func (o ERSDE) step(i, order int, pts []schedule.Point) (keep float64, w []float64, std float64) {
	s, t := pts[i], pts[i+1]
	if t.Sigma == 0 || s.Alpha == 0 {
		return 0, []float64{t.Alpha}, t.Sigma
	}
	a, b := level(s), level(t)
	r := o.Scale(b) / o.Scale(a)
	std = b*b - r*r*a*a
	if math.Abs(std) < 1e-12*b*b {
		std = 0 // the ODE's, but for rounding
	}
	if w = o.published(i, order, pts); !o.Published {
		w = o.weights(i, order, pts)
	}
	for k := range w {
		w[k] *= t.Alpha
	}
	return t.Alpha / s.Alpha * r, w, t.Alpha * math.Sqrt(std)
}

// weights: with theta from 0 at s to 1 at t, integration by parts gives the moments of theta^j,
//
//	1 - r,  1 - j*f(s[t]) * integral over theta of theta^(j-1)/f
func (o ERSDE) weights(i, order int, pts []schedule.Point) []float64 {
	a, b := level(pts[i]), level(pts[i+1])
	nodes, moments := make([]float64, order), make([]float64, order)
	for k := range order {
		nodes[k] = (level(pts[i-k]) - a) / (b - a)
		moments[k] = 1 - o.Scale(b)/o.Scale(a)
		if k > 0 {
			j := float64(k)
			moments[k] = 1 - j*o.Scale(b)*logIntegral(b, a, func(l float64) float64 {
				return math.Pow((l-a)/(b-a), j-1) / o.Scale(l)
			})/(a-b)
		}
	}
	return vandermonde(nodes, moments)
}

// logIntegral integrates f from a to b, both above 0, in 16 parts that are even in the logarithm, where f(x)*x
// is smooth, each by the five Gauss-Legendre points.
func logIntegral(a, b float64, f func(float64) float64) float64 {
	const parts = 16
	x := [3]float64{0, math.Sqrt(5-2*math.Sqrt(10./7)) / 3, math.Sqrt(5+2*math.Sqrt(10./7)) / 3}
	w := [3]float64{128. / 225, (322 + 13*math.Sqrt(70)) / 900, (322 - 13*math.Sqrt(70)) / 900}
	half := math.Log(b/a) / parts / 2
	sum := 0.0
	for k := range parts {
		mid := math.Log(a) + half*float64(2*k+1)
		for j := range x {
			for _, sign := range [2]float64{-1, 1} {
				if l := math.Exp(mid + sign*half*x[j]); j > 0 || sign > 0 {
					sum += w[j] * half * f(l) * l
				}
			}
		}
	}
	return sum
}

// published returns the weights of the authors' code, as ComfyUI's sample_er_sde has them.
func (o ERSDE) published(i, order int, pts []schedule.Point) []float64 {
	const points = 200
	a, b := level(pts[i]), level(pts[i+1])
	dt, size := b-a, (a-b)/points
	w := make([]float64, order)
	w[0] = 1 - o.Scale(b)/o.Scale(a)
	if order < 2 {
		return w
	}
	sum, moment := 0.0, 0.0
	for k := range points {
		l := b + float64(k)*size
		sum += size / o.Scale(l)
		moment += size * (l - a) / o.Scale(l)
	}
	first := (dt + o.Scale(b)*sum) / (a - level(pts[i-1])) // of D[i] - D[i-1]
	w[0], w[1] = w[0]+first, -first
	if order > 2 {
		c := level(pts[i-2])
		second := (dt*dt/2 + o.Scale(b)*moment) / ((a - c) / 2) // of the difference of the slopes
		now, then := second/(a-level(pts[i-1])), second/(level(pts[i-1])-c)
		w[0], w[1], w[2] = w[0]+now, w[1]-now-then, then
	}
	return w
}
