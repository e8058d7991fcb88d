package sampler

import (
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestDEISWeightsAreExact compares each plan's weights with the order conditions solved in 400 bits and with
// the integrals of the definition.
func TestDEISWeightsAreExact(t *testing.T) {
	var pts []schedule.Point
	for i, s := range []float64{157, 40, 9, 8.9, 2, 0.3, 0.03} {
		pts = append(pts, schedule.VP(float64(9-i), s))
	}
	for order := 1; order <= 3; order++ {
		p, err := New(DEIS{Order: order, KeepOrder: true}, pts, schedule.Epsilon)
		require.NoError(t, err)
		for i, st := range p.Stages {
			n := min(order, i+1)
			got := []float64{-st.X.D * st.At.Sigma / st.At.Alpha} // epsilon is (x - alpha*D)/sigma
			for k := 1; k < n; k++ {
				got = append(got, st.X.H[(i-k)%max(order-1, 1)])
			}
			wide, plain := deisByMoments(pts, i, n), deisByIntegral(pts, i, n)
			for k := range got {
				require.InDelta(t, wide[k], got[k], 1e-12*math.Abs(wide[0]), "order %d step %d: %d", order, i, k)
				require.InDelta(t, plain[k], got[k], 1e-10*math.Abs(plain[0]), "order %d step %d: %d", order, i, k)
			}
		}
	}
}

// deisByMoments: with theta from 0 at s to 1 at t, the moments of theta^j are j!*phi[j+1](h).
func deisByMoments(pts []schedule.Point, i, n int) []float64 {
	h := pts[i+1].Lambda() - pts[i].Lambda()
	var nodes, moments []*big.Float
	for k := range n {
		theta := wide(pts[i-k].Lambda())
		theta.Sub(theta, wide(pts[i].Lambda()))
		nodes = append(nodes, theta.Quo(theta, wide(h)))
		moments = append(moments, wide(0).Mul(wide(factorial(k)), widePhi(wide(h), k+1)))
	}
	var out []float64
	for _, x := range wideSolve(nodes, moments) {
		v, _ := x.Float64()
		out = append(out, -pts[i+1].Sigma*h*v)
	}
	return out
}

// deisByIntegral integrates over rho by the midpoint rule, refined twice (Romberg), in 4096 parts.
func deisByIntegral(pts []schedule.Point, i, n int) []float64 {
	integral := func(k, parts int) float64 {
		a, b := level(pts[i]), level(pts[i+1])
		sum := 0.0
		for c := range parts {
			rho := a + (b-a)*(float64(c)+0.5)/float64(parts)
			l := 1.0
			for j := range n {
				if j != k {
					l *= math.Log(rho/level(pts[i-j])) / math.Log(level(pts[i-k])/level(pts[i-j]))
				}
			}
			sum += l
		}
		return sum * (b - a) / float64(parts)
	}
	out := make([]float64, n)
	for k := range out {
		a, b, c := integral(k, 4096), integral(k, 8192), integral(k, 16384)
		ab, bc := b+(b-a)/3, c+(c-b)/3
		out[k] = pts[i+1].Alpha * (bc + (bc-ab)/15)
	}
	return out
}

// TestDEISEnds: to sigma 0 it ends at the prediction; without signal there is no start.
func TestDEISEnds(t *testing.T) {
	pts := []schedule.Point{schedule.VP(2, 9), schedule.VP(1, 1), schedule.VP(0, 0)}
	p, err := New(DEIS{KeepOrder: true}, pts, schedule.Epsilon)
	require.NoError(t, err)
	last := p.Stages[1].X
	require.InDelta(t, 0, last.X, 1e-15)
	require.InDelta(t, 1, last.D, 1e-15)
	require.Zero(t, last.H)
	pts[0] = schedule.Point{T: 2, Sigma: 1, In: 1}
	for _, s := range []Sampler{DEIS{}, LMS{}} {
		_, err = New(s, pts, schedule.V)
		require.ErrorContains(t, err, "no signal at the first point", s.Name())
	}
	for _, order := range []int{-1, 4} {
		_, err = New(DEIS{Order: order}, pts, schedule.V)
		require.ErrorContains(t, err, "want 1, 2 or 3")
	}
}
