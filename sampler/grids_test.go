package sampler_test

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/internal/table"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestEveryGrid: on every kind of grid, with and without signal at the start, each sampler makes a plan
// whose run is finite, or refuses with a typed error.
func TestEveryGrid(t *testing.T) {
	betas, err := schedule.ScaledLinear(1000, 0.00085, 0.012)
	require.NoError(t, err)
	zeroed, err := schedule.RescaleZeroTerminalSNR(betas)
	require.NoError(t, err)
	noise := func(k int) []float64 { return []float64{math.Sin(float64(7 * k)), math.Cos(float64(5 * k))} }
	net := func(x []float64, t float64) []float64 {
		return []float64{math.Sin(x[0] + 0.01*t), 0.5 * math.Cos(x[1]-0.02*t)}
	}
	for _, name := range sampler.Names() {
		e, err := sampler.Lookup(name)
		require.NoError(t, err)
		plans, refused := 0, 0
		for _, b := range [][]float64{betas, zeroed} {
			n, err := schedule.New(b)
			require.NoError(t, err)
			for _, g := range everyGrid(n) {
				p, err := e.Plan(g, schedule.V, sampler.Params{})
				if err != nil {
					var pe *sampler.PlanError
					require.True(t, errors.As(err, &pe), "%s %+v: %v", name, g, err)
					refused++
					continue
				}
				plans++
				for _, v := range last(table.Run(p, net, noise)) {
					require.False(t, math.IsNaN(v) || math.IsInf(v, 0), "%s %+v", name, g)
				}
			}
		}
		t.Logf("%-20s %d plans, %d refused", name, plans, refused)
		require.Greater(t, plans, 40, name)
	}
}

func everyGrid(n *schedule.Noise) []schedule.Grid {
	var out []schedule.Grid
	for _, steps := range []int{1, 2, 3, 4, 5, 14, 15, 50} {
		for _, sp := range []schedule.Spacing{schedule.Leading, schedule.Trailing, schedule.Linspace} {
			for _, f := range []schedule.Final{schedule.FinalZero, schedule.FinalSigmaMin} {
				out = append(out, schedule.Grid{Noise: n, Steps: steps, Spacing: sp, Final: f})
			}
		}
		for _, c := range []schedule.Curve{schedule.KarrasCurve, schedule.LambdaCurve, schedule.BetaCurve} {
			out = append(out, schedule.Grid{Noise: n, Steps: steps, Curve: c})
		}
	}
	return out
}
