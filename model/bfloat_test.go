package model

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// scaleOf is the greatest value without its sign.
func scaleOf(v []float32) float64 { return maxDiff(v, make([]float32, len(v))) }

// TestBFloat16Golden: with matrices in bfloat16 networks stay within 2e-2 of the scale of float32's results, as on a GPU in
// 16 bits; a row has the same bits in any batch and on any number of threads.
func TestBFloat16Golden(t *testing.T) {
	for _, name := range []string{"unet2d_ddpm", "unet2d_class", "unet2d_adm", "unet2d_scoresde"} {
		u, g := openGolden(t, name)
		require.NoError(t, u.Weights().UseBFloat16())
		got := run(t, u, g.n, g.in, 2)
		d := maxDiff(g.want, got) / scaleOf(g.want)
		t.Logf("%s: off by %.2g of the scale", name, d)
		require.LessOrEqual(t, d, 2e-2, name)
		require.Greater(t, d, 1e-5, name)
		require.Equal(t, got, run(t, u, g.n, g.in, 1), name)
	}
	for _, name := range conditionNames {
		u, g := openCondition(t, name)
		require.NoError(t, u.Weights().UseBFloat16())
		got := runCondition(t, u, g.n, g.size, g.in, 2)
		d := maxDiff(g.want, got) / scaleOf(g.want)
		t.Logf("%s: off by %.2g of the scale", name, d)
		require.LessOrEqual(t, d, 2e-2, name)
		require.Equal(t, got, runCondition(t, u, g.n, g.size, g.in, 3), name)
	}
	u, g := openBundled(t)
	require.NoError(t, u.Weights().UseBFloat16())
	whole := run(t, u, g.n, g.in, 2)
	t.Logf("bundled: off by %.2g of the scale", maxDiff(g.want, whole)/scaleOf(g.want))
	require.LessOrEqual(t, maxDiff(g.want, whole)/scaleOf(g.want), 2e-2)
	size := len(whole) / g.n
	one := Inputs{Sample: g.in.Sample[:len(g.in.Sample)/g.n], Timestep: g.in.Timestep[:1], Class: g.in.Class[:1]}
	require.Equal(t, whole[:size], run(t, u, 1, one, 2), "a row alone")
}

// TestBFloat16Weights: only the rounded matrices are left, which is said before the first executor or never.
func TestBFloat16Weights(t *testing.T) {
	u, _ := openCondition(t, "unet_wide")
	w := u.Weights()
	before := values(w)
	require.NoError(t, w.UseBFloat16())
	require.NoError(t, w.pack())
	require.NoError(t, w.UseBFloat16())
	require.Greater(t, packedAlone(w), len(w.data)/3)
	for i, v := range values(w) {
		require.InDeltaSlice(t, before[i], v, scaleOf(before[i])/256)
	}
	v, _ := openCondition(t, "unet_wide")
	require.NoError(t, v.Weights().pack())
	var wrong *GraphError
	require.ErrorAs(t, v.Weights().UseBFloat16(), &wrong)
	require.ErrorContains(t, wrong, "before the first executor")
}
