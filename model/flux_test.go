package model

import (
	"slices"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/require"
)

// fluxGolden is what diffusers computed.
type fluxGolden struct {
	in   Inputs
	n    int
	size Size
	want []float32
}

// openGoldenFlux opens a transformer of testdata.
func openGoldenFlux(t testing.TB, name string) (*Flux, fluxGolden) {
	m, err := OpenFlux("testdata/" + name)
	require.NoError(t, err)
	f, err := safetensors.Open("testdata/" + name + "/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	read := func(name string) []float32 {
		v, err := f.Float32s(name)
		require.NoError(t, err)
		return v
	}
	x, ok := f.Tensor("in.x")
	require.True(t, ok)
	ctx, ok := f.Tensor("in.ctx")
	require.True(t, ok)
	g := fluxGolden{n: x.Shape[0], size: Size{x.Shape[2], x.Shape[3], ctx.Shape[1]}, want: read("out.sample")}
	g.in = Inputs{Sample: read("in.x"), Timestep: read("in.t"), Context: read("in.ctx"), Pooled: read("in.pooled")}
	if m.Config().Guidance {
		for _, scale := range read("in.g") {
			g.in.TimestepCond = append(g.in.TimestepCond, fluxTime*scale)
		}
	}
	if m.Channels() > m.OutChannels() {
		g.in.Sample = besideEach(g.n, g.in.Sample, read("in.beside"))
	}
	return m, g
}

// besideEach is each of n rows of x with that of beside after it.
func besideEach(n int, x, beside []float32) []float32 {
	var y []float32
	for r := range n {
		y = append(y, x[r*len(x)/n:(r+1)*len(x)/n]...)
		y = append(y, beside[r*len(beside)/n:(r+1)*len(beside)/n]...)
	}
	return y
}

// runFlux evaluates m on n rows with a fresh executor whose memory is full of NaN.
func runFlux(t testing.TB, m *Flux, n int, size Size, in Inputs, threads int) []float32 {
	return runPoisoned(t, n, in, threads, func(pool *workers.Pool) (*Executor, error) { return m.CompileSize(n, size, pool) })
}

var fluxNames = []string{"flux_dev", "flux_schnell", "flux_beside"}

// TestFluxGolden holds the transformers against diffusers' float32 results, which are 3e-7 of
// their maximum away from float64 (testdata/README.md). Angles in float32 bound what the large
// guidance of flux_beside can be held to: an ulp of a frequency near 1 turns 30000 by 2e-3.
func TestFluxGolden(t *testing.T) {
	for _, name := range fluxNames {
		m, g := openGoldenFlux(t, name)
		got := runFlux(t, m, g.n, g.size, g.in, 2)
		require.Len(t, got, len(g.want), name)
		diff := maxDiff(g.want, got)
		t.Logf("%s: max abs difference %.2g, of numbers up to %.2g", name, diff,
			maxDiff(g.want, make([]float32, len(g.want))))
		bound := map[string]float64{"flux_beside": 2e-5}[name]
		require.LessOrEqual(t, diff, max(2e-6, bound), name)
	}
}

// TestFluxInvariance: a row has the same bits alone, in any batch, and with any number of threads.
func TestFluxInvariance(t *testing.T) {
	m, g := openGoldenFlux(t, "flux_dev")
	part := func(v []float32, r int) []float32 { return v[r%g.n*len(v)/g.n:][:len(v)/g.n] }
	take := func(in *Inputs, r int) {
		x := slices.Clone(part(g.in.Sample, r))
		x[0] += float32(r)
		in.Sample, in.Timestep = append(in.Sample, x...), append(in.Timestep, float32(100*r))
		in.Context = append(in.Context, part(g.in.Context, r)...)
		in.Pooled = append(in.Pooled, part(g.in.Pooled, r)...)
		in.TimestepCond = append(in.TimestepCond, float32(1000*r))
	}
	sameInAnyBatch(t, "flux_dev", take, func(n int, in Inputs, threads int) []float32 {
		return runFlux(t, m, n, g.size, in, threads)
	})
}

// TestFluxSizes: any even size, any text; the network that its config.json describes.
func TestFluxSizes(t *testing.T) {
	m, _ := openGoldenFlux(t, "flux_dev")
	for _, size := range []Size{{2, 2, 1}, {8, 12, 77}, {16, 4, 9}} {
		ex, err := m.CompileSize(1, size, nil)
		require.NoError(t, err)
		require.Equal(t, Shape{4, size.H, size.W}, ex.OutShape())
	}
	for _, size := range []Size{{8, 7, 1}, {9, 8, 1}, {1, 8, 1}, {0, 0, 1}, {8, 8, 0}, {256, 256, 77}} {
		_, err := m.CompileSize(1, size, nil)
		var e *ShapeError
		require.ErrorAs(t, err, &e, "%v", size)
	}
	require.Equal(t, []int{4, 4, 0, 0, 0, 20}, []int{m.Channels(), m.OutChannels(), m.Height(), m.Width(),
		m.Classes(), m.ContextDim()})
	require.Equal(t, 93392, m.Params()) // as diffusers counts, make_flux.py
	n, err := OpenNetwork("testdata/flux_beside")
	require.NoError(t, err)
	require.IsType(t, &Flux{}, n)
	require.Equal(t, []int{5, 2, 46976}, []int{n.Channels(), n.OutChannels(), n.Params()})
}
