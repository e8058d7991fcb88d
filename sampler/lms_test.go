package sampler_test

import (
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// levels returns variance-exploding points, where a weight of [sampler.LMS] is a coefficient itself.
func levels(s ...float64) []schedule.Point {
	var pts []schedule.Point
	for i, v := range s {
		pts = append(pts, schedule.VE(float64(len(s)-i), v))
	}
	return pts
}

// weightsOf returns the weights of the epsilons in stage i of a plan on [levels], newest first; order is
// that of the method, which sets the number of slots.
func weightsOf(p *sampler.Plan, i, order int) []float64 {
	st := p.Stages[i]
	w := []float64{-st.X.D * st.At.Sigma} // epsilon is (x - D)/sigma
	for k := 1; k < order && k <= i; k++ {
		w = append(w, st.X.H[(i-k)%max(order-1, 1)])
	}
	return w
}

// exactWeights integrates the Lagrange polynomials from nodes[0] to end in rational numbers.
func exactWeights(nodes []float64, end float64) []float64 {
	rat := func(v float64) *big.Rat { return new(big.Rat).SetFloat64(v) }
	var out []float64
	for k, at := range nodes {
		poly := []*big.Rat{big.NewRat(1, 1)} // coefficients, the constant first
		for j, other := range nodes {
			if j == k {
				continue
			}
			scale := new(big.Rat).Inv(new(big.Rat).Sub(rat(at), rat(other)))
			next := make([]*big.Rat, len(poly)+1)
			for d := range next {
				next[d] = new(big.Rat)
				if d > 0 {
					next[d].Add(next[d], poly[d-1])
				}
				if d < len(poly) {
					next[d].Sub(next[d], new(big.Rat).Mul(poly[d], rat(other)))
				}
				next[d].Mul(next[d], scale)
			}
			poly = next
		}
		sum, a, b := new(big.Rat), big.NewRat(1, 1), big.NewRat(1, 1)
		for d, c := range poly {
			a.Mul(a, rat(nodes[0]))
			b.Mul(b, rat(end))
			term := new(big.Rat).Sub(b, a)
			sum.Add(sum, term.Mul(term.Mul(term, c), big.NewRat(1, int64(d+1))))
		}
		v, _ := sum.Float64()
		out = append(out, v)
	}
	return out
}

// TestLMSWeightsAreExact compares with rational arithmetic, on steps from even to very uneven.
func TestLMSWeightsAreExact(t *testing.T) {
	for _, s := range [][]float64{
		{5, 4, 3, 2, 1, 0}, {20291.2, 157.4, 14.6, 1.3, 0.02, 0}, {1.0003, 1.0002, 1.0001, 1, 0.5, 0.1},
	} {
		for order := 1; order <= 4; order++ {
			p, err := sampler.New(sampler.LMS{Order: order}, levels(s...), schedule.Epsilon)
			require.NoError(t, err)
			for i := range p.Stages {
				var nodes []float64
				for k := range min(order, i+1) {
					nodes = append(nodes, s[i-k])
				}
				want := exactWeights(nodes, s[i+1])
				got := weightsOf(p, i, order)
				require.Len(t, got, len(want))
				for k := range want {
					require.InEpsilon(t, want[k], got[k], 1e-11, "%v order %d step %d weight %d", s, order, i, k)
				}
			}
		}
	}
	// Even steps: the Adams-Bashforth weights 55, -59, 37, -9 over 24.
	p, err := sampler.New(sampler.LMS{}, levels(5, 4, 3, 2, 1, 0), schedule.Epsilon)
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{-55. / 24, 59. / 24, -37. / 24, 9. / 24}, weightsOf(p, 4, 4), 1e-14)
}
