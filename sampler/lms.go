package sampler

import (
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// LMS is the linear multistep (Adams-Bashforth) method on uneven steps, as Katherine Crowson's k-diffusion
// defines it (sample_lms) for the ODE of Karras et al. 2022, arXiv:2206.00364, equation 1.
//
// With s = sigma/alpha, y = x/alpha and e[i] = (y - D)/s at level s[i]:
//
//	y' = y + sum_k w[k]*e[i-k],   w[k] = integral from s[i] to s[i+1] of L[k]
//	L[k](s) = prod_{j != k} (s - s[i-j])/(s[i-k] - s[i-j])
//
// The integrals are exact to rounding; the reference programs integrate numerically. Step i uses the i+1
// newest epsilons, at most Order of them, to sigma 0 too.
type LMS struct {
	Order int // 1 to 4; 0 means 4
}

// Name implements [Sampler].
func (LMS) Name() string { return "lms" }

// Plan implements [Sampler].
func (o LMS) Plan(pts []schedule.Point) (*Plan, error) {
	order := o.Order
	if order == 0 {
		order = 4
	}
	if order < 1 || order > 4 {
		return nil, orderError("lms", order, 4)
	}
	return adams("lms", pts, order, func(i int) []float64 {
		nodes := make([]float64, min(order, i+1))
		for k := range nodes {
			nodes[k] = level(pts[i-k])
		}
		return lagrangeIntegrals(nodes, level(pts[i+1]))
	})
}

// lagrangeIntegrals integrates the Lagrange polynomials of up to four nodes from nodes[0] to end. Two
// Gauss-Legendre points are exact for their degree, at most 3, and do not cancel as the expanded
// polynomials would.
func lagrangeIntegrals(nodes []float64, end float64) []float64 {
	half, mid := (end-nodes[0])/2, (end+nodes[0])/2
	w := make([]float64, len(nodes))
	for _, x := range [2]float64{mid - half/math.Sqrt(3), mid + half/math.Sqrt(3)} {
		for k, at := range nodes {
			l := half
			for j, other := range nodes {
				if j != k {
					l *= (x - other) / (at - other)
				}
			}
			w[k] += l
		}
	}
	return w
}
