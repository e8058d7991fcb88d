package model

import (
	"slices"
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
	return runPoisoned(t, n, in, threads, func(pool *workers.Pool) (*Executor, error) { return m.CompileSize(n, size, pool) })
}

var sd3Names = []string{"sd3", "sd35", "sd3_odd"}

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

// TestSD3Invariance: a row has the same bits alone, in any batch, and with any number of threads.
func TestSD3Invariance(t *testing.T) {
	for _, name := range sd3Names {
		m, g, size := openGoldenSD3(t, name)
		take := func(in *Inputs, r int) {
			row := func(x []float32) []float32 {
				k := len(x) / g.n
				x = slices.Clone(x[r%g.n*k : (r%g.n+1)*k])
				x[0] += float32(r)
				return x
			}
			in.Sample, in.Context = append(in.Sample, row(g.in.Sample)...), append(in.Context, row(g.in.Context)...)
			in.Pooled = append(in.Pooled, row(g.in.Pooled)...)
			in.Timestep = append(in.Timestep, float32(100*r))
		}
		sameInAnyBatch(t, name, take, func(n int, in Inputs, threads int) []float32 {
			return runSD3(t, m, n, size, in, threads)
		})
	}
}

// TestSD3Inputs: every input has an effect, and one that is missing is refused.
func TestSD3Inputs(t *testing.T) {
	m, g, size := openGoldenSD3(t, "sd35")
	for name, change := range map[string]func(in *Inputs) *[]float32{
		"Sample":   func(in *Inputs) *[]float32 { return &in.Sample },
		"Timestep": func(in *Inputs) *[]float32 { return &in.Timestep },
		"Context":  func(in *Inputs) *[]float32 { return &in.Context },
		"Pooled":   func(in *Inputs) *[]float32 { return &in.Pooled },
	} {
		in := g.in
		x := change(&in)
		*x = slices.Clone(*x)
		(*x)[len(*x)-1]++
		require.Greater(t, maxDiff(g.want, runSD3(t, m, g.n, size, in, 1)), 1e-3, name)
		*x = nil
		ex, err := m.CompileSize(1, size, nil)
		require.NoError(t, err)
		var e *InputError
		require.ErrorAs(t, ex.Run(t.Context(), 1, in, make([]float32, ex.OutShape().Len())), &e, name)
	}
}

// TestSD3Sizes: other sizes and lengths of text than it was made for, but no part of a patch,
// and none that the table of positions does not hold.
func TestSD3Sizes(t *testing.T) {
	m, _, _ := openGoldenSD3(t, "sd3")
	for _, size := range []Size{{2, 2, 1}, {24, 24, 77}, {8, 12, 333}} {
		ex, err := m.CompileSize(1, size, nil)
		require.NoError(t, err)
		require.Equal(t, Shape{4, size.H, size.W}, ex.OutShape())
	}
	for _, size := range []Size{{8, 7, 7}, {9, 8, 7}, {26, 8, 7}, {8, 26, 7}, {0, 8, 7}, {8, 8, 0},
		{8, 8, maxSide}} {
		_, err := m.CompileSize(1, size, nil)
		var e *ShapeError
		require.ErrorAs(t, err, &e, "%v", size)
	}
	require.Equal(t, []int{4, 4, 8, 8, 0, 20, 16}, []int{m.Channels(), m.OutChannels(), m.Height(), m.Width(),
		m.Classes(), m.ContextDim(), m.PooledDim()})
	require.Equal(t, 45472+144*24, m.Params()) // as diffusers counts, and the table of positions
	n, err := OpenNetwork("testdata/sd35")
	require.NoError(t, err)
	require.IsType(t, &SD3{}, n)
	require.Equal(t, 71240+144*24, n.(*SD3).Params())
}

// TestSD3Memory: what is added to works in place, so that a block needs little memory.
func TestSD3Memory(t *testing.T) {
	b := []byte(`{"_class_name": "SD3Transformer2DModel", "num_layers": 4, "num_attention_heads": 3,
		"attention_head_dim": 8, "caption_projection_dim": 24, "dual_attention_layers": [0, 1, 2, 3],
		"joint_attention_dim": 20, "in_channels": 4}`)
	n, err := RandomNetwork("f", b, 1)
	require.NoError(t, err)
	ex, err := n.(*SD3).CompileSize(1, Size{64, 64, 8}, nil)
	require.NoError(t, err)
	p := ex.MemoryPlan()
	token := int64(4 * 24 * (32*32 + 8))
	// Of the image the stream, both attentions, their operand and queries, keys and values, and
	// keys and values of all tokens.
	require.LessOrEqual(t, p.Peak-p.Scratch, 9*token)
	require.Less(t, 3*p.Peak, p.Sum)
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
