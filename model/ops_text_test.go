package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// layerNorm64 is the formula of a layer norm in float64, with epsilon 1e-5.
func layerNorm64(x, gamma, beta []float32) []float64 {
	mean, variance := 0.0, 0.0
	for _, v := range x {
		mean += float64(v) / float64(len(x))
	}
	for _, v := range x {
		d := float64(v) - mean
		variance += d * d / float64(len(x))
	}
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = (float64(v)-mean)/math.Sqrt(variance+1e-5)*float64(gamma[i]) + float64(beta[i])
	}
	return y
}

// TestCausalAttentionOp against the formula in float64, at lengths about the 16 queries
// that are computed together.
func TestCausalAttentionOp(t *testing.T) {
	bothKernels(t, testCausalAttention)
}

func testCausalAttention(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n, c, heads, dim = 2, 12, 3, 4
	for _, tokens := range []int{1, 2, 15, 16, 17, 32, 33, 77} {
		x := Shape{c, tokens, 1}
		src := make([]float32, n*x.Len())
		normals(rng, src, 3)
		got := runOp(t, x, n, src, nil, func(b *builder, in TensorID) {
			k := b.add(Affine{Base: b.base("k", c), X: in, Mul: 0.5, Add: 1})
			v := b.add(Affine{Base: b.base("v", c), X: in, Mul: -2, Add: 1})
			b.add(Attention{Base: b.base("a", c), Q: in, K: k, V: v, Heads: heads, Causal: true})
		})
		at := func(row, channel, token int) float64 { return float64(src[(row*c+channel)*tokens+token]) }
		for i := range got {
			row, channel, q := i/x.Len(), i/tokens%c, i%tokens
			head := channel / dim * dim
			sum, y := 0.0, 0.0
			for k := range q + 1 {
				score := 0.0
				for d := range dim {
					score += at(row, head+d, q) * (0.5*at(row, head+d, k) + 1)
				}
				p := math.Exp(score / 2)
				sum += p
				y += p * (1 - 2*at(row, channel, k))
			}
			require.InDelta(t, y/sum, got[i], 1e-5, "%d tokens, element %d", tokens, i)
		}
	}
}

// TestTextActivations against package math.
func TestTextActivations(t *testing.T) {
	src := []float32{0, 1e-7, -1e-5, 9e-5, 1.1e-4, -0.3, 1, -2, 5, -9, 30, -30, 100, -100, 3e38, -3e38,
		float32(math.Copysign(0, -1))}
	for fn, f := range map[Activation]func(x float64) float64{
		Tanh:      math.Tanh,
		QuickGELU: func(x float64) float64 { return x / (1 + math.Exp(-1.702*x)) },
	} {
		got := runOp(t, Shape{len(src), 1, 1}, 1, src, nil, func(b *builder, in TensorID) { b.act("a", in, fn) })
		for i, x := range src {
			want := f(float64(x))
			require.InDelta(t, want, got[i], 1e-7*math.Abs(want)+1e-40, "%v of %v", fn, x)
		}
		nan := runOp(t, Shape{1, 1, 1}, 1, []float32{float32(math.NaN())}, nil, func(b *builder, in TensorID) {
			b.act("a", in, fn)
		})
		require.True(t, math.IsNaN(float64(nan[0])))
	}
}

// TestTimestepVector: several numbers a row are embedded as each would be by itself.
func TestTimestepVector(t *testing.T) {
	embed := func(x Shape, n int, src []float32) []float32 {
		return runOp(t, x, n, src, nil, func(b *builder, in TensorID) {
			b.add(TimestepEmbedding{Base: b.base("t", 7*x.C), T: in, Dim: 7, Flip: true})
		})
	}
	times := []float32{1024, 0, 3, 77, 512, 1}
	sameBits(t, embed(Shape{1, 1, 1}, 6, times), embed(Shape{3, 1, 1}, 2, times), "two rows of three")
}

// TestTextGraphErrors: operands of the wrong type or size.
func TestTextGraphErrors(t *testing.T) {
	graph := func(build func(b *builder)) error {
		b := newBuilder("test")
		build(b)
		b.g.Outputs = []TensorID{b.g.Ops[len(b.g.Ops)-1].Writes()}
		if err := b.g.Validate(); err != nil {
			return err
		}
		_, err := b.g.ShapesAt(Size{4, 3, 5})
		return err
	}
	embed := func(b *builder, ids TensorID, tokens int) TensorID {
		return b.add(TokenEmbedding{Base: b.base("e", 4), IDs: ids, Table: b.param("t", "", 9, 4),
			Positions: b.param("p", "", tokens, 4), Rows: 9, Dim: 4, Tokens: tokens})
	}
	require.NoError(t, graph(func(b *builder) {
		x := embed(b, b.input(InputTokenIDs, 1), 5)
		b.add(SelectToken{Base: b.base("s", 4), X: x, Index: b.input(InputTokenIndex, 1)})
	}))
	var g *GraphError
	var s *ShapeError
	require.ErrorAs(t, graph(func(b *builder) { embed(b, b.input(InputTokenIDs, 1), 4) }), &s, "five tokens")
	require.ErrorAs(t, graph(func(b *builder) { embed(b, b.input(InputTimestep, 1), 5) }), &g, "floats as tokens")
	require.ErrorAs(t, graph(func(b *builder) {
		x := embed(b, b.input(InputTokenIDs, 1), 5)
		b.add(SelectToken{Base: b.base("s", 4), X: x, Index: b.input(InputTimestep, 1)})
	}), &g, "a float as index")
	require.ErrorAs(t, graph(func(b *builder) {
		i := b.input(InputTokenIndex, 1)
		b.add(SelectToken{Base: b.base("s", 4), X: i, Index: i})
	}), &g, "integers as operand")
	require.ErrorAs(t, graph(func(b *builder) {
		b.add(SelectToken{Base: b.base("s", 4), X: b.input(InputSample, 4), Index: b.input(InputTokenIndex, 1)})
	}), &s, "an image as text")
	require.ErrorAs(t, graph(func(b *builder) {
		q, x := b.input(InputSample, 4), b.input(InputContext, 4)
		k := b.add(SwapAxes{Base: b.base("k", 4), X: x})
		b.add(Attention{Base: b.base("a", 4), Q: q, K: k, V: k, Heads: 1, Causal: true})
	}), &s, "causal attention to another sequence")
}
