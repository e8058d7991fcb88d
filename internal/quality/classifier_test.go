package quality

import (
	"math"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/gemm"
	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

// golden is what torch computed for 64 held-out images; see train/train_classifier.py.
type golden struct {
	images, features, logits []float32
	classes                  []int
	n                        int
}

// readGolden reads testdata/golden.safetensors.
func readGolden(t *testing.T) golden {
	t.Helper()
	file, err := safetensors.OpenFS(os.DirFS("testdata"), "golden.safetensors")
	require.NoError(t, err)
	defer func() { require.NoError(t, file.Close()) }()
	read := func(name string) []float32 {
		values, err := file.Float32s(name)
		require.NoError(t, err)
		return values
	}
	g := golden{images: read("pixels"), features: read("features"), logits: read("logits"), n: 64}
	for i, pixel := range g.images {
		g.images[i] = pixel/127.5 - 1
	}
	for _, class := range read("classes") {
		g.classes = append(g.classes, int(class))
	}
	require.Len(t, g.images, g.n*pixels)
	require.Len(t, g.features, g.n*Features)
	require.Len(t, g.logits, g.n*Classes)
	require.Len(t, g.classes, g.n)
	return g
}

// open opens the classifier, and a pool of two threads until the end of the test.
func open(t *testing.T) (*Classifier, *workers.Pool) {
	t.Helper()
	c, err := Open()
	require.NoError(t, err)
	pool := workers.New(2)
	t.Cleanup(pool.Close)
	return c, pool
}

// requireClose compares two slices to an absolute error.
func requireClose(t *testing.T, want, got []float32, tolerance float64) {
	t.Helper()
	require.Len(t, got, len(want))
	for i, w := range want {
		require.InDelta(t, w, got[i], tolerance, "at %d", i)
	}
}

// TestEvaluateMatchesTorch compares features (up to about 20) and logits with torch's.
func TestEvaluateMatchesTorch(t *testing.T) {
	g := readGolden(t)
	c, pool := open(t)
	features, logits, err := c.Evaluate(pool, g.images, g.n)
	require.NoError(t, err)
	requireClose(t, g.features, features, 1e-3)
	requireClose(t, g.logits, logits, 1e-3)
	require.Greater(t, Accuracy(logits, g.classes), 0.8) // 0.93 of 10,000, 3 % the deviation of 64
}

// TestEvaluateNoticesASmallFault plants one: a padding moved by a pixel. The comparison with torch
// would fail.
func TestEvaluateNoticesASmallFault(t *testing.T) {
	g := readGolden(t)
	file, err := safetensors.OpenFS(data, "data/classifier.safetensors")
	require.NoError(t, err)
	c, pool := open(t)
	weights, err := file.Float32s("conv2.weight")
	require.NoError(t, err)
	bias, err := file.Float32s("conv2.bias")
	require.NoError(t, err)
	shape := convShapes[1]
	shape.PadL, shape.PadR = 2, 0
	c.convs[1].conv, err = gemm.NewConv(shape, weights, bias)
	require.NoError(t, err)
	features, _, err := c.Evaluate(pool, g.images, g.n)
	require.NoError(t, err)
	var worst float64
	for i, want := range g.features {
		worst = max(worst, math.Abs(float64(want-features[i])))
	}
	require.Greater(t, worst, 0.1)
}

// TestEvaluateDoesNotDependOnTheBatch runs images alone, in a batch that is not full and in two
// batches; the results have equal bits.
func TestEvaluateDoesNotDependOnTheBatch(t *testing.T) {
	g := readGolden(t)
	c, pool := open(t)
	double := append(append([]float32{}, g.images...), g.images...)
	want, _, err := c.Evaluate(nil, double, 2*g.n)
	require.NoError(t, err)
	require.Equal(t, want[:g.n*Features], want[g.n*Features:])
	for _, n := range []int{1, 3, 63} {
		got, _, err := c.Evaluate(pool, g.images, n)
		require.NoError(t, err)
		require.Equal(t, want[:n*Features], got)
	}
	features, logits, err := c.Evaluate(pool, nil, 0)
	require.NoError(t, err)
	require.Empty(t, features)
	require.Empty(t, logits)
}

// TestEvaluateClamps stretches the contrast of an image beyond [-1, 1].
func TestEvaluateClamps(t *testing.T) {
	c, pool := open(t)
	wild, tame := make([]float32, pixels), make([]float32, pixels)
	for i := range wild {
		wild[i] = float32(i%9-4) * 0.5
		tame[i] = min(max(wild[i], -1), 1)
	}
	wild[0], tame[0] = float32(math.Inf(-1)), -1
	want, _, err := c.Evaluate(pool, tame, 1)
	require.NoError(t, err)
	got, _, err := c.Evaluate(pool, wild, 1)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// TestEvaluateRefuses checks the typed error.
func TestEvaluateRefuses(t *testing.T) {
	c, pool := open(t)
	images := make([]float32, 2*pixels)
	for _, n := range []int{-1, 3, math.MaxInt / 2} {
		_, _, err := c.Evaluate(pool, images, n)
		require.ErrorIs(t, err, ErrInput)
	}
	images[pixels+5] = float32(math.NaN())
	_, _, err := c.Evaluate(pool, images, 1)
	require.NoError(t, err)
	_, _, err = c.Evaluate(pool, images, 2)
	require.ErrorIs(t, err, ErrInput)
	require.ErrorContains(t, err, "image 1")
}

// noise returns n images of uniform noise.
func noise(n int) []float32 {
	rng := rand.New(rand.NewPCG(1, 2))
	images := make([]float32, n*pixels)
	for i := range images {
		images[i] = 2*rng.Float32() - 1
	}
	return images
}

func BenchmarkEvaluate(b *testing.B) {
	c, err := Open()
	require.NoError(b, err)
	pool := workers.New(0)
	defer pool.Close()
	images := noise(200)
	for b.Loop() {
		_, _, err := c.Evaluate(pool, images, 200)
		require.NoError(b, err)
	}
	b.ReportMetric(float64(200*b.N)/b.Elapsed().Seconds(), "images/s")
}
