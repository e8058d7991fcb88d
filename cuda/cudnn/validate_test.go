package cudnn

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// every is a graph of each kind of operation that is whole.
func every() []*Graph {
	return []*Graph{convGraph(Float16, 2, 320, 320, 64, 3, 1), convBias(BFloat16, Float32, true, PointwiseReLU),
		matmulGraph(Float32, 2, 8, 16, 24), matmulGELU(), sdpaGraph(Float16, 8, 64, 77, 40), layerNormGraph(64, 320),
		addSiLU(), resampleGraph(ResampleAverage, Float32, 1, 4, 8, 2), resampleGraph(ResampleNearest, Float32, 1, 4, 8, 2),
		matmulMax(), attentionByParts(), reductionGraph()}
}

func TestValidate(t *testing.T) {
	for _, g := range every() {
		require.NoError(t, g.Validate(), g.Name)
	}
	conv := func(change func(*Conv)) *Graph {
		g := convGraph(Float16, 2, 320, 320, 64, 3, 1)
		o := g.Ops[0].(Conv)
		change(&o)
		g.Ops[0] = o
		return g
	}
	fused := func(change func(g *Graph, add, silu *Pointwise)) *Graph {
		g := convBias(Float16, Float32, false, PointwiseSiLU)
		add, silu := g.Ops[1].(Pointwise), g.Ops[2].(Pointwise)
		change(g, &add, &silu)
		g.Ops[1], g.Ops[2] = add, silu
		return g
	}
	residual := func(change func(*Tensor)) *Graph {
		g := convBias(Float32, Float32, true, PointwiseSiLU)
		change(g.Ops[2].(Pointwise).B)
		return g
	}
	matmul := func(change func(*Matmul)) *Graph {
		g := matmulGraph(Float16, 16, 8, 16, 24)
		o := g.Ops[0].(Matmul)
		change(&o)
		g.Ops[0] = o
		return g
	}
	attention := func(change func(*SDPA)) *Graph {
		g := sdpaGraph(Float16, 8, 64, 77, 40)
		o := g.Ops[0].(SDPA)
		change(&o)
		g.Ops[0] = o
		return g
	}
	norm := func(change func(*LayerNorm)) *Graph {
		g := layerNormGraph(64, 320)
		o := g.Ops[0].(LayerNorm)
		change(&o)
		g.Ops[0] = o
		return g
	}
	for _, c := range []struct {
		want  string
		graph *Graph
	}{
		{"it has no operations", &Graph{}},
		{"not an operation of this package", &Graph{Ops: []Op{nil}}},
		{"not an operation of this package", &Graph{Ops: []Op{(*Conv)(nil)}}},
		{"convolution lacks an operand", conv(func(o *Conv) { o.W = nil })},
		{"convolution lacks an operand", conv(func(o *Conv) { o.Y = nil })},
		{"number 0: want a positive one", conv(func(o *Conv) { o.X.ID = 0 })},
		{"number 1 is also that of tensor x", conv(func(o *Conv) { o.W.ID = 1 })},
		{"unknown element type 3", conv(func(o *Conv) { o.X.Type = 3 })},
		{"0 dimensions", conv(func(o *Conv) { o.X.Dims = nil })},
		{"3 strides for 4 dimensions", conv(func(o *Conv) { o.X.Strides = o.X.Strides[1:] })},
		{"dimension 2 is 0 with stride", conv(func(o *Conv) { o.X.Dims[2] = 0 })},
		{"dimension 1 is 320 with stride -1", conv(func(o *Conv) { o.X.Strides[1] = -1 })},
		{"step [0 1]", conv(func(o *Conv) { o.Stride[0] = 0 })},
		{"zeros before [-1 1]", conv(func(o *Conv) { o.Pre[0] = -1 })},
		{"weights for 160 channels, the images have 320", conv(func(o *Conv) { o.W.Dims[1] = 160 })},
		{"3 dimensions in a convolution: want 4",
			conv(func(o *Conv) { o.X.Dims, o.X.Strides = o.X.Dims[1:], o.X.Strides[1:] })},
		{"a vector of every image", fused(func(_ *Graph, add, _ *Pointwise) { add.B.Dims[0] = 2 })},
		{"float32 images are laid out as the result", residual(func(b *Tensor) { b.Type, b.Strides[3] = Float32, 640 })},
		{"virtual, but nothing reads it", conv(func(o *Conv) { o.Y.Virtual = true })},
		{"virtual, and read before it is written", conv(func(o *Conv) { o.X.Virtual = true })},
		{"virtual, and read before it is written", fused(func(g *Graph, _, _ *Pointwise) {
			g.Ops[0] = Pointwise{Mode: PointwiseReLU, X: g.Ops[0].(Conv).Y, Y: g.Ops[0].(Conv).X}
		})},
		{"written twice", fused(func(g *Graph, _, silu *Pointwise) {
			silu.Y = g.Ops[0].(Conv).Y
		})},
		{"written after it is read", fused(func(g *Graph, _, silu *Pointwise) { silu.Y = g.Ops[0].(Conv).X })},
		{"a scalar is written", fused(func(_ *Graph, _, silu *Pointwise) {
			silu.Y = &Tensor{ID: 99, Dims: []int64{1}, Strides: []int64{1}, Scalar: true}
			silu.X = &Tensor{ID: 98, Dims: []int64{1}, Strides: []int64{1}}
		})},
		{"silu with 2 operands", fused(func(_ *Graph, _, silu *Pointwise) { silu.B = silu.X })},
		{"add with 1 operands", fused(func(_ *Graph, add, _ *Pointwise) { add.B = nil })},
		{"unknown function 5", fused(func(_ *Graph, _, silu *Pointwise) { silu.Mode = 5 })},
		{"dimensions [1 319 1 1] cannot be repeated to [2 320 64 64]",
			fused(func(_ *Graph, add, _ *Pointwise) { add.B.Dims[1] = 319 })},
		{"dimensions [1 320 64 64]: want [2 320 64 64]", fused(func(_ *Graph, _, silu *Pointwise) { silu.Y.Dims[0] = 1 })},
		{"batch of 16 from 16 and 8", matmul(func(o *Matmul) { o.B.Dims[0] = 8 })},
		{"batch of 8 from 16 and 16", matmul(func(o *Matmul) { o.C.Dims[0] = 8 })},
		{"matmul of 2, 3 and 3 dimensions", matmul(func(o *Matmul) { o.A.Dims, o.A.Strides = o.A.Dims[1:], o.A.Strides[1:] })},
		{"4 heads, Q has 8", attention(func(o *SDPA) { o.K.Dims[1] = 4 })},
		{"the scale is no scalar", attention(func(o *SDPA) { o.Scale.Scalar = false })},
		{"a scalar of type float16", attention(func(o *SDPA) { o.Scale.Type = Float16 })},
		{"a scalar of dimensions [1 1 1 2]", attention(func(o *SDPA) { o.Scale.Dims[3] = 2 })},
		{"both a scalar and virtual", attention(func(o *SDPA) { o.Scale.Virtual = true })},
		{"epsilon is no scalar", norm(func(o *LayerNorm) { o.Epsilon.Scalar = false })},
		{"scale [1 319 1 1] and bias [1 320 1 1]", norm(func(o *LayerNorm) { o.Scale.Dims[1] = 319 })},
		{"scale [1 320 1 1] and bias [1 319 1 1]", norm(func(o *LayerNorm) { o.Bias.Dims[1] = 319 })},
		{"dimensions [63 320 1 1]: want [64 320 1 1]", norm(func(o *LayerNorm) { o.Y.Dims[0] = 63 })},
		{"are no reduction of", func() *Graph {
			g := reductionGraph()
			g.Ops[0].(Reduction).Y.Dims[2] = 2
			return g
		}()},
		{"window [0 2]", &Graph{Ops: []Op{&Resample{X: (&drawing{}).image("x", Float16, 1, 1, 2, 2),
			Y: (&drawing{last: 1}).image("y", Float16, 1, 1, 4, 4), Window: [2]int64{0, 2}}}}},
	} {
		err := c.graph.Validate()
		var e *GraphError
		require.ErrorAs(t, err, &e, c.want)
		require.ErrorContains(t, err, c.want)
	}
}

// TestHash: it goes by what a graph computes, not by names and numbers.
func TestHash(t *testing.T) {
	hashes := map[string]string{}
	for _, g := range every() {
		h := g.Hash()
		require.Len(t, h, 64)
		require.Empty(t, hashes[h], "%v and %s", g, hashes[h])
		hashes[h] = g.String()

		for i, x := range g.tensors() {
			x.ID, x.Name = int64(1000-i), "renamed"
		}
		g.Name = "renamed"
		require.Equal(t, h, g.Hash())
		require.Equal(t, h, (&Graph{Ops: g.Ops}).Hash())
	}
	base := func() (*Graph, Conv) {
		g := convGraph(Float16, 2, 320, 320, 64, 3, 1)
		return g, g.Ops[0].(Conv)
	}
	g, _ := base()
	want := g.Hash()
	for name, change := range map[string]func(o *Conv){
		"type":    func(o *Conv) { o.X.Type = BFloat16 },
		"dims":    func(o *Conv) { o.X.Dims[0] = 3 },
		"strides": func(o *Conv) { o.X.Strides[0]++ },
		"virtual": func(o *Conv) { o.X.Virtual = true },
		"scalar":  func(o *Conv) { o.X.Scalar = true },
		"value":   func(o *Conv) { o.X.Value = 1 },
		"before":  func(o *Conv) { o.Pre[1] = 0 },
		"after":   func(o *Conv) { o.Post[0] = 0 },
		"step":    func(o *Conv) { o.Stride[0] = 2 },
		"operand": func(o *Conv) { o.W = o.X },
	} {
		g, o := base()
		change(&o)
		g.Ops[0] = &o
		require.NotEqual(t, want, g.Hash(), name)
	}
	// By pointer and by value, an operation is the same.
	g, o := base()
	g.Ops[0] = &o
	require.Equal(t, want, g.Hash())
	// The same two tensors the other way round, and another function, are another graph.
	x, y := (&drawing{}).image("x", Float16, 1, 4, 8, 8), (&drawing{last: 1}).image("y", Float16, 1, 4, 8, 8)
	z := (&drawing{last: 2}).image("z", Float16, 1, 4, 8, 8)
	sum := func(mode PointwiseMode, a, b *Tensor) string {
		return (&Graph{Ops: []Op{Pointwise{Mode: PointwiseReLU, X: x, Y: y}, Pointwise{Mode: mode, X: a, B: b, Y: z}}}).Hash()
	}
	require.NotEqual(t, sum(PointwiseAdd, x, y), sum(PointwiseAdd, y, x))
	require.NotEqual(t, sum(PointwiseAdd, x, y), sum(PointwiseMul, x, y))
}

func TestString(t *testing.T) {
	require.Equal(t, `"conv": convolution (zeros [1 1] [1 1] step [1 1]) x float16[2 320 64 64] strides [1310720 1 20480 320], `+
		`w float16[32 320 3 3] strides [2880 1 960 320] -> y float16[2 32 64 64] strides [131072 1 2048 32]`,
		convGraph(Float16, 2, 320, 32, 64, 3, 1).String())
	require.Equal(t, `"": relu x float32[2 3] -> y float32[2 3] virtual; mul y float32[2 3] virtual, s=0.5 -> nothing`,
		(&Graph{Ops: []Op{
			Pointwise{Mode: PointwiseReLU, X: &Tensor{ID: 1, Name: "x", Dims: []int64{2, 3}, Strides: []int64{3, 1}},
				Y: &Tensor{ID: 2, Name: "y", Dims: []int64{2, 3}, Strides: []int64{3, 1}, Virtual: true}},
			Pointwise{Mode: PointwiseMul, X: &Tensor{ID: 2, Name: "y", Dims: []int64{2, 3}, Strides: []int64{3, 1}, Virtual: true},
				B: &Tensor{ID: 3, Name: "s", Scalar: true, Value: 0.5}}}}).String())
}
