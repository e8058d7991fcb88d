package sampler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestTCD: gamma 0 is DDIM; gamma 1 draws the noise of the next point nearly anew; each step keeps the
// variance of the forward process.
func TestTCD(t *testing.T) {
	n := linear(t, 1000)
	pts := pointsOf(n, []int{999, 759, 499, 259}, 0)
	zero, half, one := 0.0, 0.5, 1.0
	ddim, err := sampler.New(sampler.DDIM{}, pts, schedule.Epsilon)
	require.NoError(t, err)
	still, err := sampler.New(sampler.TCD{Gamma: &zero, Noise: n}, pts, schedule.Epsilon)
	require.NoError(t, err)
	for i := range ddim.Stages {
		require.InDelta(t, ddim.Stages[i].X.X, still.Stages[i].X.X, 1e-14)
		require.InDelta(t, ddim.Stages[i].X.D, still.Stages[i].X.D, 1e-14)
	}
	require.Zero(t, still.Draws())
	for _, gamma := range []*float64{nil, &half, &one} {
		p, err := sampler.New(sampler.TCD{Gamma: gamma, Noise: n}, pts, schedule.Epsilon)
		require.NoError(t, err)
		require.Equal(t, 3, p.Draws(), "none in the last step")
		for i, st := range p.Stages {
			s, to := pts[i], pts[i+1]
			// x = alpha*x0 + sigma*e and D = x0: the clean part and the noise must be those of the next point.
			require.InDelta(t, to.Alpha, st.X.X*s.Alpha+st.X.D, 1e-14)
			require.InDelta(t, to.Sigma, math.Hypot(st.X.X*s.Sigma, st.X.N[0]), 1e-14)
		}
	}
	p, err := sampler.New(sampler.TCD{Gamma: &one, Noise: n}, pts, schedule.Epsilon)
	require.NoError(t, err)
	require.InDelta(t, pts[1].Sigma, p.Stages[0].X.N[0], 1e-3, "all but the noise of timestep 0")
	p, err = sampler.New(sampler.TCD{Noise: n}, pts, schedule.Epsilon)
	require.NoError(t, err)
	m := n.Point(531) // floor(0.7*759)
	require.InDelta(t, m.Sigma/pts[0].Sigma*pts[1].Alpha/m.Alpha, p.Stages[0].X.X, 1e-14)

	_, err = sampler.New(sampler.TCD{}, pts, schedule.Epsilon)
	require.ErrorContains(t, err, "no forward process")
}

// TestIPNDM: of order 2 on a smooth grid, and exact weights after three steps.
func TestIPNDM(t *testing.T) {
	for _, point := range []func(t, s float64) schedule.Point{schedule.VP, schedule.VE} {
		order, _ := orderOn(t, sampler.IPNDM{}, point)
		require.InDelta(t, 2, order, 0.15)
	}
	p, err := sampler.New(sampler.IPNDM{}, levels(5, 4, 3, 2, 1, 0), schedule.Epsilon)
	require.NoError(t, err)
	require.InDeltaSlice(t, []float64{-55. / 24, 59. / 24, -37. / 24, 9. / 24}, weightsOf(p, 4, 4), 1e-14)

	start := []schedule.Point{{T: 1, Sigma: 1, In: 1}, schedule.VP(0.5, 1), schedule.VP(0, 0)}
	p, err = sampler.New(sampler.IPNDM{}, start, schedule.V)
	require.NoError(t, err)
	require.Equal(t, sampler.Row{X: start[1].Sigma}, p.Stages[0].X, "the clean sample counts as 0")
}
