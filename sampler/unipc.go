package sampler

import (
	"math"
	"slices"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// UniPC is the predictor-corrector of Zhao et al., "UniPC: A Unified Predictor-Corrector Framework for Fast
// Sampling of Diffusion Models" (2023), arXiv:2302.04867, Algorithms 1 and 2 in their multistep form. The
// corrector uses the evaluation that the next step makes anyway, so it costs nothing.
//
// With lambda = ln(alpha/sigma), h = lambda[t]-lambda[s], z = -h (z = h for noise prediction), predictions
// m[i] and r[k] = (lambda[i-k]-lambda[i])/h, and r = 1 for the prediction at t, which only UniC has:
//
//	x' = sigma[t]/sigma[s]*x - alpha[t]*( (e^z-1)*m[i] + B*sum_k rho[k]*(m[i-k]-m[i])/r[k] )
//	sum_k rho[k]*r[k]^j = (j+1)! * z*phi[j+2](z)/B,  j = 0, 1, ...      B = e^z-1 (bh2) or z (bh1)
//
// Noise prediction swaps alpha and sigma. A sum of one term has rho = 1/2, as published. A step to sigma 0
// (h infinite) is of first order; history behind a point without signal is not used.
type UniPC struct {
	Order       int   // of the predictor, 1 to 4; 0 means 2. The corrector adds one to it
	BH1         bool  // B = z, otherwise B = e^z-1
	Noise       bool  // noise prediction, otherwise data prediction, which is steadier with guidance
	KeepOrder   bool  // do not lower the order in the last steps
	NoCorrector bool  // the predictor alone: UniP
	Uncorrected []int // steps whose result is not corrected
}

// Name implements [Sampler].
func (o UniPC) Name() string {
	if o.BH1 {
		return "unipc_bh1"
	}
	return "unipc_bh2"
}

// Plan implements [Sampler].
func (o UniPC) Plan(pts []schedule.Point) (*Plan, error) {
	if o.Order < 0 || o.Order > Slots {
		return nil, orderError(o.Name(), o.Order, Slots)
	}
	if o.Noise && pts[0].Alpha == 0 {
		return nil, &PlanError{Sampler: o.Name(), Step: 0,
			Detail: "no signal at the first point: want data prediction there"}
	}
	p := &Plan{}
	slots := o.order()
	for i := range len(pts) - 1 {
		now := Row{D: 1}
		if o.Noise {
			now = epsilonAt(pts[i])
		}
		here := Row{X: 1} // the sample at pts[i], corrected
		if o.corrects(i-1, pts) {
			keep, w := o.step(i-1, pts, true)
			here = Row{Base: keep}.plus(w[0], now)
			for k := 1; k < len(w); k++ {
				here.H[(i-k)%slots] += w[k]
			}
		}
		keep, w := o.step(i, pts, false)
		st := Stage{At: pts[i], Eval: true, Step: i, Final: true}
		st.X = Row{}.plus(keep, here).plus(w[0], now)
		for k := 1; k < len(w); k++ {
			st.X.H[(i-k)%slots] += w[k]
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

func (o UniPC) order() int {
	if o.Order == 0 {
		return 2
	}
	return o.Order
}

// orderAt returns the predictor's order in step i.
func (o UniPC) orderAt(i int, pts []schedule.Point) int {
	n := len(pts) - 1
	// h is infinite, or the last step stands still.
	if pts[i+1].Sigma == 0 || pts[i].Lambda() >= pts[i+1].Lambda() {
		return 1
	}
	known := i + 1
	if pts[0].Alpha == 0 {
		known = max(known-1, 1)
	}
	k := min(o.order(), known)
	if !o.KeepOrder {
		k = min(k, n-i)
	}
	return k
}

// corrects tells whether the result of step i is corrected: by the evaluation of the next step, unless h is
// infinite.
func (o UniPC) corrects(i int, pts []schedule.Point) bool {
	return i >= 0 && i+2 < len(pts) && pts[i].Alpha > 0 &&
		!o.NoCorrector && !slices.Contains(o.Uncorrected, i)
}

// step returns the weight of the sample and of the predictions, newest first, in step i: those of UniP, or
// with correct those of UniC, whose first prediction is the one at the step's end.
func (o UniPC) step(i int, pts []schedule.Point, correct bool) (keep float64, w []float64) {
	s, t := pts[i], pts[i+1]
	order, h := o.orderAt(i, pts), t.Lambda()-s.Lambda()
	z, out := -h, t.Alpha
	keep = t.Sigma / s.Sigma
	if o.Noise {
		z, out, keep = h, t.Sigma, t.Alpha/s.Alpha
	}
	w = []float64{-out * math.Expm1(z)}
	if o.Noise {
		w[0] = t.Alpha * (level(t) - level(s)) // the same, also at sigma 0
	}
	var r []float64
	for k := 1; k < order; k++ {
		r = append(r, (pts[i-k].Lambda()-s.Lambda())/h)
		w = append(w, 0)
	}
	if correct {
		r, w = append([]float64{1}, r...), append([]float64{0}, w...)
	}
	if len(r) == 0 {
		return keep, w
	}
	b := math.Expm1(z)
	if o.BH1 {
		b = z
	}
	m0 := 0 // index of the prediction at s
	if correct {
		m0 = 1
	}
	for k, rho := range o.rho(r, z, b) {
		c, at := -out*b*rho/r[k], k
		if at >= m0 {
			at++
		}
		w[at] += c
		w[m0] -= c
	}
	return keep, w
}

// rho solves the order conditions for the nodes r.
func (o UniPC) rho(r []float64, z, b float64) []float64 {
	if len(r) == 1 {
		return []float64{0.5}
	}
	p := phis(z, len(r)+1)
	moments := make([]float64, len(r))
	for j := range moments {
		moments[j] = factorial(j+1) * z * p[j+1] / b
	}
	return vandermonde(r, moments)
}

// vandermonde solves sum_k x[k]*r[k]^j = b[j] for distinct nodes, by the elimination of Björck and Pereyra
// (1970), which is accurate for few, ordered nodes. It overwrites b.
func vandermonde(r, b []float64) []float64 {
	n := len(r)
	for k := range n - 1 {
		for j := n - 1; j > k; j-- {
			b[j] -= r[k] * b[j-1]
		}
	}
	for k := n - 2; k >= 0; k-- {
		for j := k + 1; j < n; j++ {
			b[j] /= r[j] - r[j-k-1]
		}
		for j := k; j < n-1; j++ {
			b[j] -= b[j+1]
		}
	}
	return b
}

// plus returns r + c*q.
func (r Row) plus(c float64, q Row) Row {
	r.X, r.Base, r.D = r.X+c*q.X, r.Base+c*q.Base, r.D+c*q.D
	r.Raw, r.Unc = r.Raw+c*q.Raw, r.Unc+c*q.Unc
	for k, v := range q.H {
		r.H[k] += c * v
	}
	for k, v := range q.N {
		r.N[k] += c * v
	}
	return r
}
