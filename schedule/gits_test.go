package schedule_test

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestGITS compares with testdata/gits.json, what ComfyUI's GITSScheduler gives before its final 0.
func TestGITS(t *testing.T) {
	text, err := os.ReadFile("testdata/gits.json")
	require.NoError(t, err)
	golden := map[string][]float64{}
	require.NoError(t, json.Unmarshal(text, &golden))
	require.Len(t, golden, 12)
	for key, want := range golden {
		var coefficient float64
		var steps int
		_, err := fmt.Sscan(key, &coefficient, &steps)
		require.NoError(t, err)
		got, err := schedule.GITS(steps, coefficient)
		require.NoError(t, err)
		require.Len(t, got, len(want), key)
		assert.InDeltaSlice(t, want, got, 2e-9, key)
		pts, err := schedule.Grid{Noise: stableDiffusion(t, false), Steps: steps, Curve: schedule.GITSCurve, Rho: coefficient,
			Exploding: true}.Points()
		require.NoError(t, err)
		for i, v := range got {
			assert.InDelta(t, v, pts[i].Sigma, 1e-3, key) // the first is this model's to four digits
		}
	}
	one, err := schedule.GITS(1, schedule.GITSCoefficient)
	require.NoError(t, err)
	assert.Equal(t, []float64{14.61464119}, one)
	for k := range 15 {
		for n := 1; n <= 40; n++ {
			v, err := schedule.GITS(n, 0.8+0.05*float64(k))
			require.NoError(t, err)
			assert.IsDecreasing(t, append(v, 0), "coefficient %d, %d steps", k, n)
		}
	}
	for _, c := range []float64{0, 0.75, 1.55, 1.22} {
		_, err := schedule.GITS(10, c)
		require.ErrorContains(t, err, "0.80 to 1.50")
	}
}
