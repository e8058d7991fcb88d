package sampler

import (
	"fmt"
	"math"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestSASolverWeightsAreExact compares the weights with the order conditions solved in 400 bits, and with the
// integrals of the definition, on steps from even to very uneven.
func TestSASolverWeightsAreExact(t *testing.T) {
	var pts []schedule.Point
	for i, s := range []float64{157, 40, 9, 8.9, 2, 0.3, 0.03} {
		pts = append(pts, schedule.VP(float64(9-i), s))
	}
	const i = 4
	for _, tau := range []float64{0, 0.4, 1, 1.7} {
		for _, noise := range []bool{false, true} {
			for _, correct := range []bool{false, true} {
				for n := 1; n <= 4; n++ {
					o := SASolver{Predictor: n, Corrector: n, Tau: &tau, Noise: noise, KeepOrder: true}
					keep, got, std := o.step(i, pts, correct)
					name := fmt.Sprintf("tau %v noise %v correct %v, %d nodes", tau, noise, correct, n)
					first := i
					if correct {
						first++
					}
					want := saMoments(pts, i, first, n, tau, noise)
					for k := range want {
						require.InDelta(t, want[k], got[k], 1e-12*math.Abs(want[0]), "%s: %d", name, k)
						if n != 2 || noise {
							plain := saIntegral(pts, i, first, n, k, tau, noise)
							require.InDelta(t, plain, got[k], 1e-8*math.Abs(want[0]), "%s: %d", name, k)
						}
					}
					if !noise { // the law of a sample whose data is one point is kept
						s, e := pts[i], pts[i+1]
						sum := 0.0
						for _, w := range got {
							sum += w
						}
						require.InDelta(t, e.Alpha, keep*s.Alpha+sum, 1e-12, name)
						require.InDelta(t, e.Sigma, math.Hypot(keep*s.Sigma, std), 1e-12, name)
					}
				}
			}
		}
	}
}

// saMoments: with theta from 0 at s to 1 at t, the weights have the moments q*h*alpha[t]*j!*phi[j+1](-q*h),
// except that the first of two nodes is 1/2 in place of phi2.
func saMoments(pts []schedule.Point, i, first, n int, tau float64, noise bool) []float64 {
	s, t := pts[i], pts[i+1]
	h, q := t.Lambda()-s.Lambda(), 1+tau*tau
	z, scale := -q*h, q*h*t.Alpha
	if noise {
		z, scale = h, -q*h*t.Sigma
	}
	var nodes, moments []*big.Float
	for k := range n {
		theta := wide(pts[first-k].Lambda())
		theta.Sub(theta, wide(s.Lambda()))
		nodes = append(nodes, theta.Quo(theta, wide(h)))
		m := wide(0).Mul(wide(factorial(k)), widePhi(wide(z), k+1))
		if n == 2 && k == 1 && !noise {
			m = wide(0.5)
		}
		moments = append(moments, m)
	}
	var out []float64
	for _, x := range wideSolve(nodes, moments) {
		v, _ := x.Float64()
		out = append(out, scale*v)
	}
	return out
}

// saIntegral is the integral of the definition by Simpson's rule in lambda.
func saIntegral(pts []schedule.Point, i, first, n, k int, tau float64, noise bool) float64 {
	const parts = 4000
	s, t := pts[i], pts[i+1]
	a, b, q := s.Lambda(), t.Lambda(), 1+tau*tau
	sum := 0.0
	for c := range parts + 1 {
		l := a + (b-a)*float64(c)/parts
		v := q * t.Alpha * math.Exp(-q*(b-l))
		if noise {
			v = -q * t.Sigma * math.Exp(b-l)
		}
		for j := range n {
			if j != k {
				v *= (l - pts[first-j].Lambda()) / (pts[first-k].Lambda() - pts[first-j].Lambda())
			}
		}
		sum += v * []float64{2, 4}[c%2]
		if c == 0 || c == parts {
			sum -= v
		}
	}
	return sum * (b - a) / parts / 3
}

// TestSASolverErrors: values outside their range are refused with the range.
func TestSASolverErrors(t *testing.T) {
	vp := []schedule.Point{schedule.VP(9, 3), schedule.VP(5, 1), schedule.VP(0, 0)}
	minus := -0.1
	for _, c := range []struct {
		o    SASolver
		want string
	}{
		{SASolver{Predictor: 5}, "want 1 to 4"}, {SASolver{Corrector: -1}, "want 1 to 4"},
		{SASolver{Tau: &minus}, "tau -0.1: want 0 to 10"},
		{SASolver{Low: 3, High: 1}, "between timesteps 3 and 1"},
		{SASolver{Noise: true}, "sigma 0 at the end: want data prediction"},
	} {
		_, err := New(c.o, vp, schedule.Epsilon)
		var e *PlanError
		require.ErrorAs(t, err, &e)
		require.ErrorContains(t, err, c.want)
	}
}

// TestNoSignalBehind: a prediction at a point without signal is not interpolated with others, for its lambda is
// infinite.
func TestNoSignalBehind(t *testing.T) {
	pts := []schedule.Point{{T: 9, Alpha: 0, Sigma: 1, In: 1}, schedule.VP(7, 9), schedule.VP(5, 3),
		schedule.VP(3, 1), schedule.VP(1, 0.3), schedule.VP(0, 0)}
	for _, s := range []Sampler{SASolver{KeepOrder: true}, SASolver{Predictor: 3, Corrector: 4, KeepOrder: true},
		ERSDE{}, ERSDE{Order: 2}} {
		p, err := New(s, pts, schedule.V)
		require.NoError(t, err)
		require.Zero(t, p.Stages[1].X.H, "%s: step 1 is of first order", s.Name())
		q, err := New(s, pts[1:], schedule.V)
		require.NoError(t, err)
		for i := 1; i < len(q.Stages); i++ { // the plan from the first point with signal, but for slots and draws
			a, b := p.Stages[i+1].X, q.Stages[i].X
			require.InDelta(t, b.X, a.X, 1e-14)
			require.InDelta(t, b.D, a.D, 1e-14)
			require.InDelta(t, b.N[0]+b.N[1], a.N[0]+a.N[1], 1e-14)
		}
	}
}

// TestSASolverRange: on a grid of the registry there is noise between a fifth and four fifths of the timesteps.
func TestSASolverRange(t *testing.T) {
	betas, err := schedule.Linear(1000, 1e-4, 0.02)
	require.NoError(t, err)
	n, err := schedule.New(betas)
	require.NoError(t, err)
	e, err := Lookup("sa_solver")
	require.NoError(t, err)
	g := schedule.Grid{Noise: n, Timesteps: []float64{999, 801, 800, 500, 201, 200, 199, 10}}
	p, err := e.Plan(g, schedule.Epsilon, Params{})
	require.NoError(t, err)
	var noisy []float64
	for _, st := range p.Stages {
		if d := max(st.Draws[0], st.Draws[1]); d == st.Step+1 {
			noisy = append(noisy, st.At.T)
		}
	}
	require.Equal(t, []float64{800, 500, 201, 200}, noisy)
}
