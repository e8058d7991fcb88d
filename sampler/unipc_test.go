package sampler

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// digits is the precision in bits of what the weights are compared with: more than 100 digits.
const digits = 400

func wide(v float64) *big.Float { return new(big.Float).SetPrec(digits).SetFloat64(v) }

// widePhi sums the Taylor series of phi[k] at z.
func widePhi(z *big.Float, k int) *big.Float {
	term := wide(1)
	for j := 2; j <= k; j++ {
		term.Quo(term, wide(float64(j)))
	}
	sum := wide(0)
	for j := range 300 {
		sum.Add(sum, term)
		term.Mul(term, z)
		term.Quo(term, wide(float64(j+k+1)))
	}
	return sum
}

// wideSolve solves sum_k x[k]*r[k]^j = b[j] by Gaussian elimination with pivots.
func wideSolve(r, b []*big.Float) []*big.Float {
	n := len(r)
	m := make([][]*big.Float, n)
	power := make([]*big.Float, n)
	for k := range power {
		power[k] = wide(1)
	}
	for j := range m {
		for k := range r {
			m[j] = append(m[j], wide(0).Set(power[k]))
			power[k].Mul(power[k], r[k])
		}
		m[j] = append(m[j], b[j])
	}
	for c := range n {
		best := c
		for j := c; j < n; j++ {
			if wide(0).Abs(m[j][c]).Cmp(wide(0).Abs(m[best][c])) > 0 {
				best = j
			}
		}
		m[c], m[best] = m[best], m[c]
		for j := range n {
			if j == c {
				continue
			}
			f := wide(0).Quo(m[j][c], m[c][c])
			for k := c; k <= n; k++ {
				m[j][k].Sub(m[j][k], wide(0).Mul(f, m[c][k]))
			}
		}
	}
	x := make([]*big.Float, n)
	for c := range n {
		x[c] = m[c][n].Quo(m[c][n], m[c][c])
	}
	return x
}

// TestUniPCWeightsAreExact compares rho with its order conditions solved in 400 bits.
func TestUniPCWeightsAreExact(t *testing.T) {
	for _, r := range [][]float64{
		{-1, -2}, {1, -1}, {1, -1, -2}, {1, -0.3, -0.9, -4}, {-0.25, -1.7, -2.1}, {1, -2.5, -2.6},
	} {
		for _, z := range []float64{-9, -3, -1.2, -0.9, -0.1, -1e-5, 1e-5, 0.4, 1.1, 6} {
			for _, bh1 := range []bool{false, true} {
				b := math.Expm1(z)
				if bh1 {
					b = z
				}
				var nodes, moments []*big.Float
				for j := range r {
					nodes = append(nodes, wide(r[j]))
					v := wide(0).Mul(wide(factorial(j+1)*z), widePhi(wide(z), j+2))
					moments = append(moments, v.Quo(v, wide(b)))
				}
				want := wideSolve(nodes, moments)
				for k, got := range (UniPC{BH1: bh1}).rho(r, z, b) {
					w, _ := want[k].Float64()
					require.InDelta(t, w, got, 1e-11*math.Max(1, math.Abs(w)), "r %v z %v bh1 %v rho %d", r, z, bh1, k)
				}
			}
		}
	}
	require.Equal(t, []float64{0.5}, UniPC{}.rho([]float64{1}, -1, math.Expm1(-1)), "as published")
}

// TestPhisAreExact: each function, on both sides of the change from series to recursion.
func TestPhisAreExact(t *testing.T) {
	for _, z := range []float64{-30, -5, -1.01, -1, -0.5, -1e-9, 0, 1e-9, 0.99, 1, 1.01, 5, 30} {
		for k, got := range phis(z, 5) {
			want, _ := widePhi(wide(z), k+1).Float64()
			require.InEpsilon(t, want, got, 1e-12, "phi%d(%v)", k+1, z)
		}
	}
	require.Equal(t, make([]float64, 4), phis(math.Inf(-1), 4))
}

// TestUniPCOrders: the order grows with the history and falls at the end; what can't be corrected is not.
func TestUniPCOrders(t *testing.T) {
	var pts []schedule.Point
	for i, s := range []float64{8, 5, 3, 2, 1, 0.5, 0} {
		pts = append(pts, schedule.VP(float64(9-i), s))
	}
	orders := func(o UniPC, pts []schedule.Point) string {
		text := ""
		for i := range len(pts) - 1 {
			text += fmt.Sprint(o.orderAt(i, pts))
			if o.corrects(i, pts) {
				text += "c"
			}
			text += " "
		}
		return text
	}
	require.Equal(t, "1c 2c 2c 2c 2c 1 ", orders(UniPC{}, pts))
	require.Equal(t, "1c 2c 3c 3c 2c 1 ", orders(UniPC{Order: 3}, pts))
	require.Equal(t, "1c 2c 3c 4c 4c 1 ", orders(UniPC{Order: 4, KeepOrder: true}, pts))
	require.Equal(t, "1 2c 2c 2 2c 1 ", orders(UniPC{Uncorrected: []int{0, 3}}, pts))
	require.Equal(t, "1 2 2 2 2 1 ", orders(UniPC{NoCorrector: true}, pts))
	pts[0] = schedule.Point{T: 9, Sigma: 1, In: 1} // no signal: infinite h
	require.Equal(t, "1 1c 2c 2c 2c 1 ", orders(UniPC{}, pts))
	for _, o := range []UniPC{{}, {Order: 4}, {Order: 4, BH1: true, KeepOrder: true}} {
		_, err := New(o, pts, schedule.V)
		require.NoError(t, err, "%+v", o)
	}
	for _, o := range []UniPC{{Order: 5}, {Order: -1}, {Noise: true}} {
		_, err := New(o, pts, schedule.V)
		var e *PlanError
		require.ErrorAs(t, err, &e, "%+v", o)
	}
}
