package model

import (
	"slices"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/require"
)

// openGoldenDiT opens a transformer of testdata, what diffusers computed, and the side of
// its latents.
func openGoldenDiT(t testing.TB, name string) (*DiT, golden, int) {
	d, err := OpenDiT("testdata/" + name)
	require.NoError(t, err)
	f, err := safetensors.Open("testdata/" + name + "/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	info, ok := f.Tensor("in.x")
	require.True(t, ok)
	return d, readGolden(t, f, [4]string{"in.x", "in.t", "in.y", "out.sample"}), info.Shape[2]
}

// runDiT evaluates d on n rows with a fresh executor whose memory is full of NaN.
func runDiT(t testing.TB, d *DiT, n, side int, in Inputs, threads int) []float32 {
	return runPoisoned(t, n, in, threads, func(pool *workers.Pool) (*Executor, error) { return d.CompileSize(n, side, side, pool) })
}

var ditNames = []string{"dit", "dit_gelu"}

// TestDiTGolden holds the transformers against diffusers' float32 results, which are 5e-7 of
// their maximum away from float64 (testdata/README.md).
func TestDiTGolden(t *testing.T) {
	for _, name := range ditNames {
		d, g, side := openGoldenDiT(t, name)
		got := runDiT(t, d, g.n, side, g.in, 2)
		require.Len(t, got, len(g.want), name)
		diff := maxDiff(g.want, got)
		t.Logf("%s: max abs difference %.2g, of numbers up to %.2g", name, diff,
			maxDiff(g.want, make([]float32, len(g.want))))
		require.LessOrEqual(t, diff, 2e-6, name)
	}
}

// TestDiTInvariance: a row has the same bits alone, in any batch, and with any number of threads.
func TestDiTInvariance(t *testing.T) {
	for _, name := range ditNames {
		d, g, side := openGoldenDiT(t, name)
		size := len(g.in.Sample) / g.n
		take := func(in *Inputs, r int) {
			from := r % g.n
			x := slices.Clone(g.in.Sample[from*size : (from+1)*size])
			x[0] += float32(r)
			in.Sample, in.Class = append(in.Sample, x...), append(in.Class, int64(r))
			in.Timestep = append(in.Timestep, float32(100*r))
		}
		sameInAnyBatch(t, name, take, func(n int, in Inputs, threads int) []float32 {
			return runDiT(t, d, n, side, in, threads)
		})
	}
}

// TestDiTSizes: other sizes than that it was made for, but no part of a patch.
func TestDiTSizes(t *testing.T) {
	d, g, _ := openGoldenDiT(t, "dit")
	for _, size := range [][2]int{{2, 2}, {8, 12}, {16, 4}} {
		ex, err := d.CompileSize(1, size[0], size[1], nil)
		require.NoError(t, err)
		require.Equal(t, Shape{8, size[0], size[1]}, ex.OutShape())
	}
	for _, size := range [][2]int{{8, 7}, {9, 8}, {1, 8}, {0, 8}} {
		_, err := d.CompileSize(1, size[0], size[1], nil)
		var e *ShapeError
		require.ErrorAs(t, err, &e, "%v", size)
	}
	require.Equal(t, []int{4, 8, 8, 8, 11, 10}, []int{d.Channels(), d.OutChannels(), d.Height(), d.Width(),
		d.Classes(), int(d.NoClass())})
	require.Equal(t, 37928, d.Params()) // as diffusers counts, testdata/README.md
	ex, err := d.CompileSize(1, 8, 8, nil)
	require.NoError(t, err)
	var e *InputError
	g.in.Sample, g.in.Timestep, g.in.Class = g.in.Sample[:256], g.in.Timestep[:1], []int64{11}
	require.ErrorAs(t, ex.Run(t.Context(), 1, g.in, make([]float32, 512)), &e, "no such class")
}

// TestDiTMemory: what is added to works in place, so that a block needs little memory.
func TestDiTMemory(t *testing.T) {
	d, _, _ := openGoldenDiT(t, "dit")
	ex, err := d.CompileSize(1, 64, 64, nil)
	require.NoError(t, err)
	p := ex.MemoryPlan()
	token := int64(4 * d.Config().Width() * 32 * 32)
	// The stream, the operand of the MLP or the result of attention, and four times the width.
	require.LessOrEqual(t, p.Peak-p.Scratch, 7*token)
	require.Less(t, 3*p.Peak, p.Sum)
}
