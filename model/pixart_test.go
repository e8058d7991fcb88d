package model

import (
	"slices"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/require"
)

// pixartGolden is what diffusers computed of rows whose texts are masked after lengths[i] tokens.
type pixartGolden struct {
	golden
	size    Size
	lengths []int
}

// row is row r alone, without the tokens that are masked.
func (g pixartGolden) row(r int) (in Inputs, want []float32, size Size) {
	cut := func(x []float32) []float32 { return slices.Clone(x[r*len(x)/g.n : (r+1)*len(x)/g.n]) }
	in = Inputs{Sample: cut(g.in.Sample), Timestep: cut(g.in.Timestep), Context: cut(g.in.Context)}
	in.Context = in.Context[:len(in.Context)/g.size.Tokens*g.lengths[r]]
	if g.in.TimeIDs != nil {
		in.TimeIDs = cut(g.in.TimeIDs)
	}
	return in, cut(g.want), Size{g.size.H, g.size.W, g.lengths[r]}
}

// openGoldenPixArt opens a transformer of testdata and what diffusers computed.
func openGoldenPixArt(t testing.TB, name string) (*PixArt, pixartGolden) {
	m, err := OpenPixArt("testdata/" + name)
	require.NoError(t, err)
	f, err := safetensors.Open("testdata/" + name + "/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	g := pixartGolden{golden: readGolden(t, f, [4]string{"in.x", "in.t", "", "out.sample"})}
	g.in.Context, err = f.Float32s("in.ctx")
	require.NoError(t, err)
	x, _ := f.Tensor("in.x")
	ctx, _ := f.Tensor("in.ctx")
	g.size = Size{x.Shape[2], x.Shape[3], ctx.Shape[1]}
	mask, err := f.Int64s("in.mask")
	require.NoError(t, err)
	for row := range slices.Chunk(mask, g.size.Tokens) {
		length := slices.Index(append(slices.Clone(row), 0), 0)
		require.NotContains(t, row[length:], int64(1), "padding follows the text")
		g.lengths = append(g.lengths, length)
	}
	if _, ok := f.Tensor("in.res"); ok {
		res, err := f.Float32s("in.res")
		require.NoError(t, err)
		ratio, err := f.Float32s("in.ar")
		require.NoError(t, err)
		for r := range g.n {
			g.in.TimeIDs = append(g.in.TimeIDs, res[2*r], res[2*r+1], ratio[r])
		}
	}
	return m, g
}

// runPixArt evaluates m on n rows with a fresh executor whose memory is full of NaN.
func runPixArt(t testing.TB, m *PixArt, n int, size Size, in Inputs, threads int) []float32 {
	return runPoisoned(t, n, in, threads, func(pool *workers.Pool) (*Executor, error) { return m.CompileSize(n, size, pool) })
}

var pixartNames = []string{"pixart_alpha", "pixart_sigma", "pixart_odd"}

// TestPixArtGolden holds the transformers against diffusers' float32 results, which are 3e-7 of
// their maximum away from float64 (testdata/README.md). Diffusers masks the padding, which here is
// left out.
func TestPixArtGolden(t *testing.T) {
	for _, name := range pixartNames {
		m, g := openGoldenPixArt(t, name)
		require.NotEqual(t, g.lengths[0], g.lengths[1], name)
		for r := range g.n {
			in, want, size := g.row(r)
			got := runPixArt(t, m, 1, size, in, 2)
			require.Len(t, got, len(want), name)
			diff := maxDiff(want, got)
			t.Logf("%s row %d: max abs difference %.2g, of numbers up to %.2g", name, r, diff,
				maxDiff(want, make([]float32, len(want))))
			require.LessOrEqual(t, diff, 5e-6, name)
		}
	}
}

// TestPixArtInvariance: a row has the same bits alone, in any batch, and with any number of threads.
func TestPixArtInvariance(t *testing.T) {
	for _, name := range pixartNames {
		m, g := openGoldenPixArt(t, name)
		take := func(in *Inputs, r int) {
			row := func(x []float32) []float32 {
				k := len(x) / g.n
				x = slices.Clone(x[r%g.n*k : (r%g.n+1)*k])
				x[0] += float32(r)
				return x
			}
			in.Sample, in.Context = append(in.Sample, row(g.in.Sample)...), append(in.Context, row(g.in.Context)...)
			in.Timestep = append(in.Timestep, float32(100*r))
			if g.in.TimeIDs != nil {
				in.TimeIDs = append(in.TimeIDs, row(g.in.TimeIDs)...)
			}
		}
		sameInAnyBatch(t, name, take, func(n int, in Inputs, threads int) []float32 {
			return runPixArt(t, m, n, g.size, in, threads)
		})
	}
}

// TestPixArtInputs: every input has an effect, each number of the size too, and one that is missing
// is refused.
func TestPixArtInputs(t *testing.T) {
	m, g := openGoldenPixArt(t, "pixart_alpha")
	ex, err := m.CompileSize(1, Size{g.size.H, g.size.W, g.lengths[0]}, nil)
	require.NoError(t, err)
	for name, change := range map[string]func(in *Inputs) *[]float32{
		"Sample":   func(in *Inputs) *[]float32 { return &in.Sample },
		"Timestep": func(in *Inputs) *[]float32 { return &in.Timestep },
		"Context":  func(in *Inputs) *[]float32 { return &in.Context },
		"TimeIDs":  func(in *Inputs) *[]float32 { return &in.TimeIDs },
	} {
		in, want, size := g.row(0)
		x := change(&in)
		for i := range min(3, len(*x)) {
			(*x)[i]++
			require.Greater(t, maxDiff(want, runPixArt(t, m, 1, size, in, 1)), 1e-3, "%s %d", name, i)
			(*x)[i]--
		}
		*x = nil
		var e *InputError
		require.ErrorAs(t, ex.Run(t.Context(), 1, in, make([]float32, ex.OutShape().Len())), &e, name)
	}
	sigma, gs := openGoldenPixArt(t, "pixart_sigma")
	in, want, size := gs.row(0)
	in.TimeIDs = []float32{512, 512, 1}
	ex, err = sigma.CompileSize(1, size, nil)
	require.NoError(t, err)
	var e *InputError
	require.ErrorAs(t, ex.Run(t.Context(), 1, in, want), &e, "no micro-conditions")
}

// TestPixArtSizes: other sizes and lengths of text than it was made for, but no part of a patch.
func TestPixArtSizes(t *testing.T) {
	m, _ := openGoldenPixArt(t, "pixart_alpha")
	for _, size := range []Size{{2, 2, 1}, {24, 24, 120}, {8, 12, 300}} {
		ex, err := m.CompileSize(1, size, nil)
		require.NoError(t, err)
		require.Equal(t, Shape{8, size.H, size.W}, ex.OutShape())
	}
	for _, size := range []Size{{8, 7, 7}, {9, 8, 7}, {0, 8, 7}, {8, 8, 0}, {8, 8, maxSide + 1}} {
		_, err := m.CompileSize(1, size, nil)
		var e *ShapeError
		require.ErrorAs(t, err, &e, "%v", size)
	}
	require.Equal(t, []int{4, 8, 8, 8, 0, 20, 3}, []int{m.Channels(), m.OutChannels(), m.Height(), m.Width(),
		m.Classes(), m.ContextDim(), m.TimeIDs()})
	require.Equal(t, 36328, m.Params()) // as diffusers counts, testdata/README.md
	for name, params := range map[string]int{"pixart_sigma": 32072, "pixart_odd": 9395} {
		n, err := OpenNetwork("testdata/" + name)
		require.NoError(t, err)
		require.IsType(t, &PixArt{}, n)
		require.Equal(t, params, n.(*PixArt).Params(), name)
	}
}

// TestPixArtMemory: what is added to works in place, so that a block needs little memory.
func TestPixArtMemory(t *testing.T) {
	m, _ := openGoldenPixArt(t, "pixart_alpha")
	ex, err := m.CompileSize(1, Size{64, 64, 8}, nil)
	require.NoError(t, err)
	p := ex.MemoryPlan()
	token := int64(4 * m.Config().Width() * 32 * 32)
	// The stream, the operand of the MLP or the result of attention, and four times the width.
	require.LessOrEqual(t, p.Peak-p.Scratch, 7*token)
	require.Less(t, 3*p.Peak, p.Sum)
}
