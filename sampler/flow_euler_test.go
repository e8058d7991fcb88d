package sampler_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/internal/table"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestFlowEuler: along a straight flow one step is exact, from a start without signal; with the velocity of
// a network the step is x + (sigma[t]-sigma[s])*v; the stochastic form forgets x.
func TestFlowEuler(t *testing.T) {
	pts := []schedule.Point{schedule.Flow(1000, 1), schedule.Flow(600, 0.6), schedule.Flow(0, 0)}
	p, err := sampler.New(sampler.FlowEuler{}, pts, schedule.Velocity)
	require.NoError(t, err)
	v := func(x []float64, t float64) []float64 { return []float64{0.3*x[0] + t/1000} }
	x := 0.7
	y := x - 0.4*(0.3*x+1)
	z := y - 0.6*(0.3*y+0.6)
	require.InDelta(t, z, last(table.RunFrom(p, []float64{x}, v, nil))[0], 1e-15)
	straight := func([]float64, float64) []float64 { return []float64{x - 0.2} } // to x0 = 0.2
	require.InDelta(t, 0.2, last(table.RunFrom(p, []float64{x}, straight, nil))[0], 1e-15)

	p, err = sampler.New(sampler.FlowEuler{Stochastic: true}, pts, schedule.Velocity)
	require.NoError(t, err)
	require.Equal(t, 1, p.Draws(), "none at the end")
	require.Equal(t, sampler.Row{D: 0.4, N: [2]float64{0.6}}, p.Stages[0].X)
	require.Equal(t, sampler.Row{D: 1}, p.Stages[1].X)
}
