package sampler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/internal/table"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestFlowHeun: with the velocity of a network the two stages are Heun's, from a start without signal, and
// the last step is Euler's; churn raises the time, lengthens the step and draws at both evaluations.
func TestFlowHeun(t *testing.T) {
	pts := []schedule.Point{schedule.Flow(1000, 1), schedule.Flow(600, 0.6), schedule.Flow(0, 0)}
	p, err := sampler.New(sampler.FlowHeun{}, pts, schedule.Velocity)
	require.NoError(t, err)
	require.Equal(t, 3, p.Evaluations())
	require.Equal(t, 2, p.Steps())
	v := func(x, t float64) float64 { return 0.3*x + t/1000 }
	net := func(x []float64, t float64) []float64 { return []float64{v(x[0], t)} }
	x := 0.7
	v0 := v(x, 1000)
	y := x - 0.4*(v0+v(x-0.4*v0, 600))/2
	z := y - 0.6*v(y, 600)
	require.InDelta(t, z, last(table.RunFrom(p, []float64{x}, net, nil))[0], 1e-15)

	p, err = sampler.New(sampler.FlowHeun{Churn: 0.3, ChurnMin: 0.7}, pts, schedule.Velocity)
	require.NoError(t, err)
	require.Equal(t, [2]int{1, 0}, p.Stages[0].Draws)
	require.Equal(t, [2]int{2, 0}, p.Stages[1].Draws)
	require.Zero(t, p.Stages[1].X.N[0])
	require.Zero(t, p.Stages[2].Draws[0], "below ChurnMin")
	const hat = 1.1 // gamma is 0.3/(2*2-1)
	noisy := x + math.Sqrt(hat*hat-1)*0.5
	v0 /= hat
	y = noisy + (0.6-hat)*(v0+v(noisy+(0.6-hat)*v0, 600))/2
	z = y - 0.6*v(y, 600)
	half := func(int) []float64 { return []float64{0.5} }
	require.InDelta(t, z, last(table.RunFrom(p, []float64{x}, net, half))[0], 1e-15)
}
