package sampler

import "github.com/cudiffuse/cudiffuse/schedule"

// IPNDMV is [IPNDM] for uneven steps, as diff-sampler has it (Zhou et al., "Fast ODE-based Sampling for
// Diffusion Models in Around 5 Steps" (2024), arXiv:2312.00094, appendix; ComfyUI's sample_ipndm_v): the
// Adams-Bashforth weights of the steps that there are, which are those of [LMS], and D in a step to sigma 0.
type IPNDMV struct {
	Order int // 1 to 4; 0 means 4

	// Published takes the weights of that code, which are right on even steps only: a closing parenthesis of
	// orders 3 and 4 is misplaced, and the last weight of order 4 has the ratio of other steps, so that the
	// weights do not add up to 1. It is of order 1 (measured 1.07 against 3.94). For exact comparison.
	Published bool
}

// Name implements [Sampler].
func (IPNDMV) Name() string { return "ipndm_v" }

// Plan implements [Sampler].
func (o IPNDMV) Plan(pts []schedule.Point) (*Plan, error) {
	order := nonZero(o.Order, 4)
	if order < 1 || order > 4 {
		return nil, orderError(o.Name(), o.Order, 4)
	}
	return adams(o.Name(), pts, order, func(i int) []float64 {
		end := level(pts[i+1])
		if end == 0 {
			return []float64{-level(pts[i])} // x' = D
		}
		nodes := make([]float64, min(order, i+1))
		for k := range nodes {
			nodes[k] = level(pts[i-k])
		}
		if o.Published && len(nodes) > 2 {
			return misplaced(nodes, end)
		}
		return lagrangeIntegrals(nodes, end)
	})
}

// misplaced returns the published weights of three or four nodes. With the steps h, h1, h2, h3 from the newest
// back and the backward differences of epsilon in Newton's form, first is the weight of the second difference
// as it is published, where (1 - a)/2*b reads (1 - a*b)/2.
func misplaced(nodes []float64, end float64) []float64 {
	h, h1, h2 := end-nodes[0], nodes[0]-nodes[1], nodes[1]-nodes[2]
	third := h / (3 * (h + h1))
	first := (1 - third*h*(h+h1)/(h1*(h1+h2))) / 2
	w := []float64{1 + h/h1/2 + first, -h/h1/2 - (1+h1/h2)*first, first * h1 / h2}
	if len(nodes) == 4 {
		h3 := nodes[2] - nodes[3]
		second := ((1-third)/2 + (1-h/(2*(h+h1)))*h/(6*(h+h1+h2))) *
			h * (h + h1) * (h + h1 + h2) / (h1 * (h1 + h2) * (h1 + h2 + h3))
		q := h1 * (h1 + h2) / (h2 * (h2 + h3))
		w[1] -= (1 + h1/h2 + q) * second
		w[0] += second
		w[2] += (h1/h2 + q*(1+h2/h3)) * second
		w = append(w, -second*q*h1/h2)
	}
	for k := range w {
		w[k] *= h
	}
	return w
}
