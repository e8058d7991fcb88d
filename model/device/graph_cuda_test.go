//go:build cuda

package device

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
)

// bounds are how far a graph on the GPU may be from the CPU, of the largest value.
var bounds = map[gpu.DType]float64{gpu.Float32: 1e-4, gpu.Float16: 2e-2, gpu.BFloat16: 0.15}

func loadGraph(t testing.TB, c *gpu.CUDA, net model.Network, o GraphOptions) *Graph {
	t.Helper()
	if o.Cache == "" {
		o.Cache = t.TempDir()
	}
	g, err := LoadGraph(context.Background(), c, net.Graph(), net.Weights(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	return g
}

func normal(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(r.NormFloat64())
	}
	return x
}

// outputs are room for the results of rows of a graph.
func outputs(t testing.TB, g *model.Graph, rows int, size model.Size) [][]float32 {
	t.Helper()
	shapes, err := g.ShapesAt(size)
	require.NoError(t, err)
	var out [][]float32
	for _, id := range g.Outputs {
		out = append(out, make([]float32, rows*shapes[id].Len()))
	}
	return out
}

// onCPU runs a graph there.
func onCPU(t testing.TB, net model.Network, rows int, size model.Size, in model.Inputs) [][]float32 {
	t.Helper()
	ex, err := model.NewExecutorAt(net.Graph(), net.Weights(), rows, size, nil)
	require.NoError(t, err)
	out := outputs(t, net.Graph(), rows, size)
	require.NoError(t, ex.RunAll(context.Background(), rows, in, out))
	return out
}

// TestAutoencoders: both halves of every kind of autoencoder, at the size they were loaded for and at others, in every
// type.
func TestAutoencoders(t *testing.T) {
	for _, name := range []string{"vae_kl", "vae_flux16", "vae_tiny"} {
		a, err := model.OpenAutoencoder("../testdata/" + name)
		require.NoError(t, err)
		for _, c := range []struct {
			half string
			net  *model.ImageCoder
			size [2]int
		}{{"encoder", a.Encoder(), [2]int{16, 16}}, {"decoder", a.Decoder(), [2]int{8, 8}}} {
			for d, most := range bounds {
				t.Run(fmt.Sprintf("%s/%s/%v", name, c.half, d), func(t *testing.T) {
					dev := open(t, gpu.Float32, cuda.Options{})
					g := loadGraph(t, dev, c.net, GraphOptions{Size: model.Size{H: c.size[0], W: c.size[1]}, Type: d})
					before, err := dev.Driver().Stats()
					require.NoError(t, err)
					for rows, size := range []model.Size{1: {H: c.size[0], W: c.size[1]}, 2: {H: 2 * c.size[0], W: c.size[1] + 4}} {
						if rows == 0 {
							continue
						}
						in := model.Inputs{Sample: normal(rand.New(rand.NewPCG(1, 2)), rows*c.net.Channels()*size.H*size.W)}
						want, got := onCPU(t, c.net, rows, size, in), outputs(t, c.net.Graph(), rows, size)
						require.NoError(t, g.Run(context.Background(), rows, size, in, got))
						assert.LessOrEqual(t, maxDiff(want[0], got[0])/scale(want[0]), most, "%d of %v", rows, size)
					}
					after, err := dev.Driver().Stats()
					require.NoError(t, err)
					assert.Equal(t, before.Memory.InUse, after.Memory.InUse, "a run frees what it took")
				})
			}
		}
	}
}

// TestTextEncoders: hidden states and pooled vectors of texts, with and without a projection, skipped blocks and the last
// norm.
func TestTextEncoders(t *testing.T) {
	for _, name := range []string{"clip_text", "clip_text_gelu_eos2", "clip_text_proj"} {
		whole, err := model.OpenCLIPText("../testdata/" + name)
		require.NoError(t, err)
		for _, o := range []model.TextOptions{{}, {Skip: 1, Raw: true}, {Skip: 1}} {
			text, err := whole.With(o)
			require.NoError(t, err)
			net := graphNetwork{text.Graph(), text.Weights()}
			for d, most := range bounds {
				t.Run(fmt.Sprintf("%s/%+v/%v", name, o, d), func(t *testing.T) {
					dev := open(t, gpu.Float32, cuda.Options{})
					g := loadGraph(t, dev, net, GraphOptions{Rows: 2, Size: model.Size{H: 1, W: 1, Tokens: 77}, Type: d})
					for rows, tokens := range []int{2: 77, 3: 5} {
						if tokens == 0 {
							continue
						}
						r, size := rand.New(rand.NewPCG(1, 2)), model.Size{H: 1, W: 1, Tokens: tokens}
						var in model.Inputs
						for range rows {
							for range tokens {
								in.TokenIDs = append(in.TokenIDs, int64(r.IntN(600)))
							}
							in.TokenIndex = append(in.TokenIndex, int64(r.IntN(tokens)))
						}
						want, got := onCPU(t, net, rows, size, in), outputs(t, net.Graph(), rows, size)
						require.Len(t, got, 2)
						require.NoError(t, g.Run(context.Background(), rows, size, in, got))
						for i, what := range []string{"hidden states", "pooled"} {
							assert.LessOrEqual(t, maxDiff(want[i], got[i])/scale(want[i]), most, "%s of %d texts of %d", what, rows, tokens)
						}
					}
				})
			}
		}
	}
}

// TestGraphRefuses inputs, outputs and memory that do not fit, each with an error of its own, and runs on after them.
func TestGraphRefuses(t *testing.T) {
	text, err := model.OpenCLIPText("../testdata/clip_text")
	require.NoError(t, err)
	net, size := graphNetwork{text.Graph(), text.Weights()}, model.Size{H: 1, W: 1, Tokens: 4}
	dev := open(t, gpu.Float16, cuda.Options{MemoryLimit: 8 << 20})
	g := loadGraph(t, dev, net, GraphOptions{Size: size, Type: gpu.Float16})
	good := model.Inputs{TokenIDs: []int64{1, 2, 3, 599}, TokenIndex: []int64{3}}
	out := outputs(t, net.Graph(), 1, size)
	ctx := context.Background()
	for want, run := range map[string]func() error{
		"token 1 of the text is 600, not within 0..599": func() error {
			return g.Run(ctx, 1, size, model.Inputs{TokenIDs: []int64{1, 600, 3, 4}, TokenIndex: []int64{3}}, out)
		},
		"token 0 of the text is -1": func() error {
			return g.Run(ctx, 1, size, model.Inputs{TokenIDs: []int64{-1, 6, 3, 4}, TokenIndex: []int64{3}}, out)
		},
		"TokenIndex: of row 0 is 4, not within 0..3": func() error {
			return g.Run(ctx, 1, size, model.Inputs{TokenIDs: good.TokenIDs, TokenIndex: []int64{4}}, out)
		},
		"TokenIDs: has 4 elements, wanted 8":   func() error { return g.Run(ctx, 2, size, good, out) },
		"TokenIndex: has 0 elements, wanted 1": func() error { return g.Run(ctx, 1, size, model.Inputs{TokenIDs: good.TokenIDs}, out) },
		"output: has 1 tensors, wanted 2":      func() error { return g.Run(ctx, 1, size, good, out[:1]) },
		"output: 1 has 31 elements, wanted 32": func() error { return g.Run(ctx, 1, size, good, [][]float32{out[0], out[1][:31]}) },
	} {
		err := run()
		var e *model.InputError
		require.ErrorAs(t, err, &e, want)
		assert.ErrorContains(t, err, want)
	}
	many := model.Inputs{TokenIDs: make([]int64, 4096*77), TokenIndex: make([]int64, 4096)}
	size77 := model.Size{H: 1, W: 1, Tokens: 77}
	err = g.Run(ctx, 4096, size77, many, outputs(t, net.Graph(), 4096, size77))
	var full *MemoryError
	require.ErrorAs(t, err, &full)
	assert.Equal(t, 4096, full.Rows)
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, g.Run(canceled, 1, size, good, out), context.Canceled)
	require.NoError(t, g.Run(ctx, 1, size, good, out))

	_, err = LoadGraph(ctx, dev, net.Graph(), net.Weights(), GraphOptions{Size: size, Reserve: 8 << 20, Cache: t.TempDir()})
	require.ErrorAs(t, err, &full)
	assert.ErrorContains(t, err, "of which 8.0 MiB are kept for what runs beside")
	_, err = LoadGraph(ctx, dev, nil, nil, GraphOptions{})
	var input *model.InputError
	require.ErrorAs(t, err, &input)
	require.NoError(t, g.Close())
	require.ErrorIs(t, g.Run(ctx, 1, size, good, out), cuda.ErrClosed)
}
