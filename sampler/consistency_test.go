package sampler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/internal/table"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestConsistency: each step forgets x, adds what the clean sample lacks of the next level's noise, and the
// last adds none; one step is the network's own answer.
func TestConsistency(t *testing.T) {
	lowest, half := 0.5, 0.5
	pts := levels(80, 3, 1, 0.5)
	p, err := sampler.New(sampler.Consistency{SigmaMin: &lowest}, pts, schedule.X0)
	require.NoError(t, err)
	require.Equal(t, 2, p.Draws(), "none at the end")
	for i, st := range p.Stages[:2] {
		require.Equal(t, 1.0, st.X.D)
		require.Zero(t, st.X.X)
		require.InDelta(t, pts[i+1].Sigma, math.Hypot(st.X.N[0], lowest), 1e-15)
	}
	require.Equal(t, sampler.Row{D: 1}, p.Stages[2].X)
	flow := []schedule.Point{schedule.Flow(1000, 1), schedule.Flow(600, 0.6), schedule.Flow(0, 0)}
	p, err = sampler.New(sampler.Consistency{SigmaMin: new(float64), ScaleNoise: &half}, flow, schedule.Velocity)
	require.NoError(t, err)
	require.Equal(t, 0.4, p.Stages[0].X.D)
	require.InDelta(t, 0.3, p.Stages[0].X.N[0], 1e-15)

	p, err = sampler.New(sampler.Consistency{}, levels(80, 0.002), schedule.X0)
	require.NoError(t, err)
	answer := func([]float64, float64) []float64 { return []float64{0.3} }
	require.Equal(t, []float64{0.3}, last(table.RunFrom(p, []float64{55}, answer, nil)))

	for _, bad := range []float64{-1, math.NaN(), math.Inf(1)} {
		_, err = sampler.New(sampler.Consistency{SigmaMin: &bad}, pts, schedule.X0)
		require.ErrorContains(t, err, "want finite numbers, 0 or more")
		_, err = sampler.New(sampler.Consistency{ScaleNoise: &bad}, pts, schedule.X0)
		require.ErrorContains(t, err, "want finite numbers, 0 or more")
	}
}
