package sampler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/internal/table"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// levelTimesteps: on the grids of these tests the timestep is the level.
func levelTimesteps(level float64) float64 { return level }

// evenGrid returns n even steps in lambda.
func evenGrid(t *testing.T, n int, point func(t, s float64) schedule.Point) []schedule.Point {
	t.Helper()
	v, err := schedule.Exponential(n+1, clean, noisy)
	require.NoError(t, err)
	var pts []schedule.Point
	for _, s := range v {
		pts = append(pts, point(s, s))
	}
	return pts
}

// orderOn measures the order of s on even grids, and its error on the finer one.
func orderOn(t *testing.T, s sampler.Sampler, point func(t, s float64) schedule.Point) (order, err float64) {
	t.Helper()
	exact := solve(t, sampler.LMS{}, 1<<13, schedule.VP)
	distance := func(n int) float64 {
		got := solveOn(t, s, evenGrid(t, n, point))
		norm, end := point(clean, clean).In, schedule.VP(0, clean).In
		return math.Hypot(got[0]*norm-exact[0]*end, got[1]*norm-exact[1]*end)
	}
	a, b := distance(128), distance(512)
	t.Logf("%-12s order %.3f, error %.2g at 512 steps", s.Name(), math.Log(a/b)/math.Log(4), b)
	return math.Log(a/b) / math.Log(4), b
}

// TestPNDMOrder: the weights of even steps make it of order 2 on a smooth grid. Mixing v in place of epsilon
// costs one order: the sum foresees v inside the step, and its noise is then taken at the step's start.
func TestPNDMOrder(t *testing.T) {
	for _, rk := range []bool{false, true} {
		for want, velocity := range map[float64]bool{2: false, 1: true} {
			s := sampler.PNDM{RungeKutta: rk, Velocity: velocity, Timesteps: levelTimesteps}
			order, _ := orderOn(t, s, schedule.VP)
			require.InDelta(t, want, order, 0.15, "%s velocity %v", s.Name(), velocity)
		}
	}
}

// TestRungeKuttaIsClassical: a step of PNDM's start is one of the classical method in sigma/alpha, with the
// middle at the geometric mean.
func TestRungeKuttaIsClassical(t *testing.T) {
	net := func(x []float64, level float64) []float64 { // sees x*c_in; c_in is 1 here
		return []float64{math.Sin(x[0]) + 0.3*level}
	}
	const s, e, x = 3.0, 1.2, 0.7
	f := func(y, l float64) float64 { // dy/ds = epsilon, at x = alpha*y
		return net([]float64{y / math.Sqrt(1+l*l)}, l)[0]
	}
	y, d, m := x*math.Sqrt(1+s*s), e-s, math.Sqrt(s*e)
	k1 := f(y, s)
	k2 := f(y+(m-s)*k1, m)
	k3 := f(y+(m-s)*k2, m)
	k4 := f(y+d*k3, e)
	want := (y + d*(k1+2*k2+2*k3+k4)/6) / math.Sqrt(1+e*e)

	p, err := sampler.New(sampler.PNDM{RungeKutta: true, Timesteps: levelTimesteps},
		[]schedule.Point{schedule.VP(s, s), schedule.VP(e, e)}, schedule.Epsilon)
	require.NoError(t, err)
	require.Equal(t, 4, p.Evaluations())
	require.InDelta(t, want, last(runFrom(p, x, net))[0], 1e-14)
}

// TestPNDMEvaluations: the cost in evaluations, and a track that does not fit.
func TestPNDMEvaluations(t *testing.T) {
	for _, c := range []struct {
		s           sampler.PNDM
		steps, want int
	}{
		{sampler.PNDM{}, 1, 1}, {sampler.PNDM{}, 2, 3}, {sampler.PNDM{}, 25, 26},
		{sampler.PNDM{RungeKutta: true}, 1, 1}, {sampler.PNDM{RungeKutta: true}, 3, 9},
		{sampler.PNDM{RungeKutta: true}, 4, 13}, {sampler.PNDM{RungeKutta: true}, 25, 34},
	} {
		pts := append(evenGrid(t, c.steps, schedule.VP)[:c.steps], schedule.VP(0, 0))
		p, err := sampler.New(c.s, pts, schedule.Epsilon)
		require.NoError(t, err)
		require.Equal(t, c.want, p.Evaluations(), "%s %d", c.s.Name(), c.steps)
		require.Equal(t, c.steps, p.Steps())
		c.s.Track = make([]sampler.Transfer, c.want+1)
		_, err = sampler.New(c.s, pts, schedule.Epsilon)
		require.ErrorContains(t, err, "transfers for")
	}
	_, err := sampler.New(sampler.PNDM{}, []schedule.Point{{Sigma: 1, In: 1}, schedule.VP(0, 0)}, schedule.V)
	require.ErrorContains(t, err, "no signal")
}

// runFrom runs p on a sample of one element, without noise.
func runFrom(p *sampler.Plan, x float64, net func([]float64, float64) []float64) [][]float64 {
	return table.RunFrom(p, []float64{x}, net, nil)
}
