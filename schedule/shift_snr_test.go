package schedule_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestShiftSNR: the SNR of each timestep is divided by the scale, also on a schedule without signal at the end.
func TestShiftSNR(t *testing.T) {
	betas, err := schedule.ScaledLinear(1000, 0.00085, 0.012)
	require.NoError(t, err)
	zero, err := schedule.RescaleZeroTerminalSNR(betas)
	require.NoError(t, err)
	for _, b := range [][]float64{betas, zero} {
		before, err := schedule.New(b)
		require.NoError(t, err)
		for _, scale := range []float64{0.25, 1, 3} {
			shifted, err := schedule.ShiftSNR(b, scale)
			require.NoError(t, err)
			after, err := schedule.New(shifted)
			require.NoError(t, err)
			for _, at := range []int{0, 1, 499, 998} {
				require.InDelta(t, before.LogSNR(at)-math.Log(scale), after.LogSNR(at), 1e-9, "%v at %d", scale, at)
			}
			require.Equal(t, before.ZeroTerminal(), after.ZeroTerminal())
		}
	}
	for _, scale := range []float64{0, -1, math.NaN(), math.Inf(1)} {
		_, err := schedule.ShiftSNR(betas, scale)
		require.ErrorContains(t, err, "want a positive number")
	}
	_, err = schedule.ShiftSNR([]float64{2}, 3)
	require.ErrorContains(t, err, "beta[0]")
}
