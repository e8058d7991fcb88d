package model

import (
	"math"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/require"
)

// openGoldenSD3 opens a transformer of testdata, what diffusers computed, and its size.
func openGoldenSD3(t testing.TB, name string) (*SD3, golden, Size) {
	m, err := OpenSD3("testdata/" + name)
	require.NoError(t, err)
	f, err := safetensors.Open("testdata/" + name + "/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	g := readGolden(t, f, [4]string{"in.x", "in.t", "", "out.sample"})
	g.in.Context, err = f.Float32s("in.ctx")
	require.NoError(t, err)
	g.in.Pooled, err = f.Float32s("in.pooled")
	require.NoError(t, err)
	x, _ := f.Tensor("in.x")
	ctx, _ := f.Tensor("in.ctx")
	return m, g, Size{x.Shape[2], x.Shape[3], ctx.Shape[1]}
}

// runSD3 evaluates m on n rows with a fresh executor whose memory is full of NaN.
func runSD3(t testing.TB, m *SD3, n int, size Size, in Inputs, threads int) []float32 {
	pool := workers.New(threads)
	defer pool.Close()
	ex, err := m.CompileSize(n, size, pool)
	require.NoError(t, err)
	for i := range ex.arena {
		ex.arena[i] = float32(math.NaN())
	}
	out := make([]float32, n*ex.OutShape().Len())
	require.NoError(t, ex.Run(t.Context(), n, in, out))
	return out
}

var sd3Names = []string{"sd3"}

// TestSD3Golden holds the transformers against diffusers' float32 results, which are 3e-7 of
// their maximum away from float64 (testdata/README.md).
func TestSD3Golden(t *testing.T) {
	for _, name := range sd3Names {
		m, g, size := openGoldenSD3(t, name)
		got := runSD3(t, m, g.n, size, g.in, 2)
		require.Len(t, got, len(g.want), name)
		diff := maxDiff(g.want, got)
		t.Logf("%s: max abs difference %.2g, of numbers up to %.2g", name, diff,
			maxDiff(g.want, make([]float32, len(g.want))))
		require.LessOrEqual(t, diff, 3e-6, name)
	}
}

// TestCroppedPositionsOp: the middle of the table, exactly, at places that are rounded down.
func TestCroppedPositionsOp(t *testing.T) {
	const n, side = 2, 5
	for _, x := range []Shape{{3, 5, 5}, {1, 2, 3}, {4, 1, 4}} {
		table := make([]float32, side*side*x.C)
		for i := range table {
			table[i] = float32(i)
		}
		src := make([]float32, n*x.Len())
		for i := range src {
			src[i] = 1000
		}
		got := runOp(t, x, n, src, [][]float32{table}, func(b *builder, in TensorID) {
			b.add(CroppedPositions{Base: b.base("p", x.C), X: in, Side: side, Channels: x.C,
				Table: b.param("t", "", 1, side*side, x.C)})
		})
		for i, v := range got {
			c, h, w := i/(x.H*x.W)%x.C, i/x.W%x.H, i%x.W
			h, w = h+(side-x.H)/2, w+(side-x.W)/2
			require.Equal(t, float32(1000+(h*side+w)*x.C+c), v, "%v element %d", x, i)
		}
	}
	for _, op := range []Op{CroppedPositions{Side: 5, Channels: 4}, CroppedPositions{Side: 4, Channels: 3}} {
		_, err := op.infer(func(TensorID) Shape { return Shape{3, 5, 5} })
		var e *ShapeError
		require.ErrorAs(t, err, &e, "%+v", op)
	}
}
