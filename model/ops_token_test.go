package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLayerNormOp against the formula in float64, with a mean that is large beside the
// deviation.
func TestLayerNormOp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, x := range []Shape{{6, 1, 1}, {1, 3, 5}, {20, 7, 5}, {33, 4, 4}} {
		const n = 2
		src, gamma, beta := make([]float32, n*x.Len()), make([]float32, x.C), make([]float32, x.C)
		normals(rng, src, 3)
		normals(rng, gamma, 2)
		normals(rng, beta, 1)
		for i := range src {
			src[i] += 100
		}
		got := runOp(t, x, n, src, [][]float32{gamma, beta}, func(b *builder, in TensorID) {
			b.layerNorm("n", in)
		})
		pixels := x.H * x.W
		for i := range src {
			row, c, p := i/x.Len(), i/pixels%x.C, i%pixels
			at := func(c int) float64 { return float64(src[row*x.Len()+c*pixels+p]) }
			mean, variance := 0.0, 0.0
			for k := range x.C {
				mean += at(k) / float64(x.C)
			}
			for k := range x.C {
				variance += (at(k) - mean) * (at(k) - mean) / float64(x.C)
			}
			want := (at(c)-mean)/math.Sqrt(variance+1e-5)*float64(gamma[c]) + float64(beta[c])
			require.InDelta(t, want, got[i], 2e-6*max(1, math.Abs(want)), "%v element %d", x, i)
		}
	}
}

func TestGEGLUOp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, x := range []Shape{{2, 1, 1}, {6, 3, 5}, {64, 9, 9}} { // the last in more than one piece a row
		const n = 3
		src := make([]float32, n*x.Len())
		normals(rng, src, 2)
		got := runOp(t, x, n, src, nil, func(b *builder, in TensorID) {
			b.add(GEGLU{Base: b.base("g", x.C/2), X: in})
		})
		half := x.Len() / 2
		for i := range got {
			j := i/half*x.Len() + i%half
			gate := float64(src[j+half])
			want := float64(src[j]) * gate / 2 * math.Erfc(-gate/math.Sqrt2)
			require.InDelta(t, want, got[i], 3e-7*max(1, math.Abs(want)), "%v element %d", x, i)
		}
	}
}

// TestCrossAttentionOp: keys and values of another length than the queries, against the
// formula in float64.
func TestCrossAttentionOp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	const n, c, heads, dim = 2, 12, 3, 4
	for _, tokens := range []int{1, 2, 77, 78} {
		for _, x := range []Shape{{c, 1, 1}, {c, 3, 7}, {c, 4, 4}} {
			b := newBuilder("test")
			q, ctx := b.input(InputSample, c), b.input(InputContext, c)
			k := b.add(SwapAxes{Base: b.base("k", c), X: ctx})
			v := b.add(Affine{Base: b.base("v", c), X: k, Mul: -2, Add: 1})
			y := b.add(Attention{Base: b.base("a", c), Q: q, K: k, V: v, Heads: heads})
			b.g.Outputs = []TensorID{y}
			w, err := NewWeights(b.g, nil)
			require.NoError(t, err)
			in := Inputs{Sample: make([]float32, n*x.Len()), Context: make([]float32, n*tokens*c)}
			normals(rng, in.Sample, 1.5)
			normals(rng, in.Context, 1.5)
			ex, err := NewExecutorAt(b.g, w, n, Size{x.H, x.W, tokens}, nil)
			require.NoError(t, err)
			require.Equal(t, int64(4*x.Len()*tokens), ex.FLOPs(1))
			got, check := guarded(t, n*x.Len())
			bothKernels(t, func(t *testing.T) {
				require.NoError(t, ex.Run(t.Context(), n, in, got))
				check()
				pixels := x.H * x.W
				for i := range got {
					row, ch, p := i/x.Len(), i/pixels%c, i%pixels
					key := func(j, ch int) float64 { return float64(in.Context[(row*tokens+j)*c+ch]) }
					sum, want := 0.0, 0.0
					for j := range tokens {
						s := 0.0
						for d := ch / dim * dim; d < ch/dim*dim+dim; d++ {
							s += float64(in.Sample[row*x.Len()+d*pixels+p]) * key(j, d)
						}
						e := math.Exp(s / math.Sqrt(dim))
						sum += e
						want += e * (1 - 2*key(j, ch))
					}
					require.InDelta(t, want/sum, got[i], 1e-5, "%d tokens, %v, element %d", tokens, x, i)
				}
			})
		}
	}
}

// TestUpsampleLikeOp: the result has the size of the other tensor.
func TestUpsampleLikeOp(t *testing.T) {
	for _, x := range []Shape{{2, 5, 7}, {3, 6, 4}, {1, 1, 2}, {17, 2, 1}} {
		src := make([]float32, 2*x.Len())
		normals(rand.New(rand.NewPCG(1, 2)), src, 1)
		h, w := (x.H+1)/2, (x.W+1)/2
		got := runOp(t, x, 2, src, identity(x.C), func(b *builder, in TensorID) {
			// Every second pixel by a convolution with the identity.
			small := b.add(Conv2D{Base: b.base("half", x.C), X: in, Weight: b.param("w", "", x.C, x.C, 1, 1),
				Bias: NoParam, Shape: ConvShape{OutC: x.C, InC: x.C, KH: 1, KW: 1, Stride: 2}})
			b.add(UpsampleLike{Base: b.base("up", x.C), X: small, Like: in})
		})
		for i, v := range got {
			r, c := i/x.W%x.H, i%x.W
			require.Equal(t, src[i/(x.H*x.W)*x.H*x.W+r/2*2*x.W+c/2*2], v, "%v of %dx%d element %d", x, h, w, i)
		}
	}
}

// identity is the weights of a 1x1 convolution that copies c channels.
func identity(c int) [][]float32 {
	w := make([]float32, c*c)
	for i := range c {
		w[i*c+i] = 1
	}
	return [][]float32{w}
}

// TestTokenShapes: operands that do not fit are refused.
func TestTokenShapes(t *testing.T) {
	shapes := []Shape{{4, 8, 8}, {3, 8, 8}, {4, 7, 8}, {4, 4, 4}, {4, 77, 1}, {6, 77, 1}, {4, 3, 8}, {4, 4, 5}, {4, 5, 4}, {4, 8, 9}}
	in := func(id TensorID) Shape { return shapes[id] }
	var e *ShapeError
	for _, op := range []Op{
		LayerNorm{X: 0, Channels: 5}, GEGLU{X: 1}, SwapAxes{X: 0},
		UpsampleLike{X: 6, Like: 0}, UpsampleLike{X: 7, Like: 0}, UpsampleLike{X: 0, Like: 3},
		UpsampleLike{X: 8, Like: 0}, UpsampleLike{X: 3, Like: 9},
		Attention{Q: 0, K: 4, V: 5, Heads: 2}, Attention{Q: 0, K: 5, V: 5, Heads: 2},
		Attention{Q: 0, K: 4, V: 3, Heads: 2}, Attention{Q: 0, K: 4, V: 4, Heads: 3},
	} {
		_, err := op.infer(in)
		require.ErrorAs(t, err, &e, "%T %+v", op, op)
	}
	for op, want := range map[Op]Shape{
		Op(Attention{Q: 0, K: 4, V: 4, Heads: 2}): {4, 8, 8},
		Op(SwapAxes{X: 4}):                        {77, 4, 1},
		Op(UpsampleLike{X: 3, Like: 2}):           {4, 7, 8},
		Op(GEGLU{X: 5}):                           {3, 77, 1},
	} {
		got, err := op.infer(in)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
