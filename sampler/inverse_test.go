package sampler_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/internal/table"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// encode runs s from the sample x at the clean level to the noisy one, on the mixture.
func encode(t *testing.T, s sampler.Sampler, n int, x []float64) []float64 {
	t.Helper()
	// The ramp of lambdaGrid lies at its noisy end; here the start needs it.
	v, err := schedule.Exponential(n+1, clean, noisy)
	require.NoError(t, err)
	slices.Reverse(v)
	ramp := []float64{v[0]}
	for cut := 1.0 / (1 << 12); cut < 1; cut *= 2 {
		ramp = append(ramp, v[0]*math.Pow(v[1]/v[0], cut))
	}
	var pts []schedule.Point
	for _, l := range append(ramp, v[1:]...) {
		pts = append(pts, schedule.VP(l, l))
	}
	p, err := sampler.New(s, pts, schedule.Epsilon)
	require.NoError(t, err)
	g := mixture(t)
	return last(table.RunFrom(p, x, func(x []float64, level float64) []float64 {
		vp, eps := schedule.VP(0, level), make([]float64, len(x))
		g.Epsilon(eps, x, vp.Alpha, vp.Sigma)
		return eps
	}, nil))
}

// TestInversionOrder: what is generated to rounding comes back to the noise it came from, with the error of
// the method.
func TestInversionOrder(t *testing.T) {
	data := solve(t, sampler.LMS{}, 1<<13, schedule.VP)
	start := []float64{0.8, -0.5} // see solveOn; VP has c_in 1
	inverse := func(order int, heun bool) sampler.Multistep {
		m := multistep(order, heun)
		m.Inverse = true
		return m
	}
	for _, c := range []struct {
		s     sampler.Sampler
		order float64
	}{
		{sampler.DDIMInverse{}, 1}, {sampler.DDIMInverse{AtEnd: true}, 1},
		{sampler.DPMSolverPP{Multistep: inverse(1, false)}, 1},
		{sampler.DPMSolverPP{Multistep: inverse(2, false)}, 2},
		{sampler.DPMSolverPP{Multistep: inverse(2, true)}, 2},
		{sampler.DPMSolverPP{Multistep: inverse(3, false)}, 3},
		{sampler.DPMSolver{Multistep: inverse(2, false)}, 2},
		{sampler.DPMSolver{Multistep: inverse(3, false)}, 3},
	} {
		distance := func(n int) float64 {
			x := encode(t, c.s, n, data)
			return math.Hypot(x[0]-start[0], x[1]-start[1])
		}
		a, b := distance(128), distance(512)
		slope := math.Log(a/b) / math.Log(4)
		t.Logf("%-20s order %.3f, error %.2g at 512 steps", c.s.Name(), slope, b)
		require.InDelta(t, c.order, slope, 0.15, "%+v", c.s)
	}
}

// TestInversionErrors: grids that fall, or start without noise, and the SDE are refused with the reason.
func TestInversionErrors(t *testing.T) {
	falling := levels(3, 2, 1)
	for _, c := range []struct {
		s    sampler.Sampler
		pts  []schedule.Point
		want string
	}{
		{sampler.DDIMInverse{}, falling, "step 0: sigma does not increase"},
		{sampler.DDIMInverse{}, falling[:1], "1 points: want at least 2"},
		{sampler.DDIMInverse{}, levels(0, 1, 2), "step 0: sigma 0 at the start"},
		{sampler.DDIMInverse{}, levels(1, 2, 2, 3), "step 1: sigma does not increase"},
		{sampler.DDIMInverse{Sources: falling[:1]}, levels(1, 2, 3), "1 sources for 2 steps"},
		{sampler.DDIMInverse{}, levels(1, math.NaN()), "step 1: point"},
		{sampler.DPMSolverPP{Multistep: sampler.Multistep{Inverse: true}}, falling, "sigma does not increase"},
		{sampler.DPMSolverPP{Multistep: sampler.Multistep{Inverse: true}}, levels(0, 1, 2), "step 0: sigma 0 at the start"},
		{sampler.DPMSolverPP{Multistep: sampler.Multistep{Inverse: true, SDE: true}}, levels(1, 2), "no inverse"},
		{sampler.DPMSolverPP{Multistep: sampler.Multistep{Targets: falling}}, falling, "3 targets for 2 steps"},
	} {
		_, err := sampler.New(c.s, c.pts, schedule.Epsilon)
		var e *sampler.PlanError
		require.ErrorAs(t, err, &e)
		require.ErrorContains(t, err, c.want)
	}
	_, err := sampler.New(sampler.DDIMInverse{}, levels(1, 1, 2, 2), schedule.Epsilon)
	require.NoError(t, err, "the first and the last step may stand still")
}
