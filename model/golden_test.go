package model

import (
	"context"
	"math"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model/bundled"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/require"
)

// golden is what diffusers computed: inputs for n rows and the result.
type golden struct {
	n    int
	in   Inputs
	want []float32
}

// readGolden reads a golden.safetensors; names are those of the sample, the time, the
// class (which may be absent) and the result.
func readGolden(t testing.TB, f *safetensors.File, names [4]string) golden {
	read := func(name string) []float32 {
		info, ok := f.Tensor(name)
		require.True(t, ok, name)
		if info.DType.Float() {
			v, err := f.Float32s(name)
			require.NoError(t, err)
			return v
		}
		ints, err := f.Int64s(name)
		require.NoError(t, err)
		v := make([]float32, len(ints))
		for i, x := range ints {
			v[i] = float32(x)
		}
		return v
	}
	g := golden{in: Inputs{Sample: read(names[0]), Timestep: read(names[1])}, want: read(names[3])}
	g.n = len(g.in.Timestep)
	if y, ok := f.Tensor(names[2]); ok && y.DType.Float() {
		g.in.ClassEmbedding = read(names[2])
	} else if ok {
		var err error
		g.in.Class, err = f.Int64s(names[2])
		require.NoError(t, err)
	}
	return g
}

// openGolden opens a folder of testdata.
func openGolden(t testing.TB, name string) (*UNet2D, golden) {
	u, err := OpenUNet2D("testdata/" + name)
	require.NoError(t, err)
	f, err := safetensors.Open("testdata/" + name + "/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	return u, readGolden(t, f, [4]string{"in.x", "in.t", "in.y", "out.sample"})
}

// openBundled opens the Fashion-MNIST network.
func openBundled(t testing.TB) (*UNet2D, golden) {
	u, err := OpenUNet2DFS(bundled.FS(), bundled.Fashion)
	require.NoError(t, err)
	f, err := safetensors.Open("bundled/testdata/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	return u, readGolden(t, f, [4]string{"x", "t", "y", "v"})
}

// run evaluates u on n rows with a fresh executor.
func run(t testing.TB, u *UNet2D, n int, in Inputs, threads int) []float32 {
	pool := workers.New(threads)
	defer pool.Close()
	ex, err := u.Compile(n, pool)
	require.NoError(t, err)
	out := make([]float32, n*ex.OutShape().Len())
	require.NoError(t, ex.Run(context.Background(), n, in, out))
	return out
}

func maxDiff(a, b []float32) float64 {
	worst := 0.0
	for i := range a {
		d := math.Abs(float64(a[i]) - float64(b[i]))
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		worst = max(worst, d)
	}
	return worst
}

var goldenNames = []string{"unet2d_ddpm", "unet2d_class", "unet2d_scoresde", "unet2d_adm",
	"unet2d_mish", "unet2d_gelu", "unet2d_relu", "unet2d_skip"}

// TestGolden holds the networks against diffusers' float32 results, which are
// themselves 1e-6 of the maximum away from float64 (testdata/README.md). The bound is
// 1e-5, or 1e-5 of the maximum where that is larger: dividing by a time of 0.02 makes it 50.
func TestGolden(t *testing.T) {
	for _, name := range goldenNames {
		t.Run(name, func(t *testing.T) {
			u, g := openGolden(t, name)
			d := maxDiff(g.want, run(t, u, g.n, g.in, 2))
			top := maxDiff(g.want, make([]float32, len(g.want)))
			t.Logf("max abs difference %.2g, of numbers up to %.2g", d, top)
			require.LessOrEqual(t, d, 1e-5*max(1, top))
		})
	}
	t.Run("bundled", func(t *testing.T) {
		u, g := openBundled(t)
		d := maxDiff(g.want, run(t, u, g.n, g.in, 2))
		t.Logf("max abs difference %.2g", d)
		require.LessOrEqual(t, d, 1e-5)
	})
}
