package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// runPatchOp runs one operation on a sample x, n rows, and a vector of parts*x.C numbers,
// which the op reads as the embedding of the class.
func runPatchOp(t *testing.T, x Shape, n, parts int, sample, vector []float32,
	op func(b *builder, in, v TensorID) Op) []float32 {
	b := newBuilder("test")
	in, v := b.input(InputSample, x.C), b.input(InputClassEmbedding, parts*x.C)
	b.g.Outputs = []TensorID{b.add(op(b, in, v))}
	w, err := NewWeights(b.g, nil)
	require.NoError(t, err)
	ex, err := NewExecutor(b.g, w, n, x.H, x.W, nil)
	require.NoError(t, err)
	out, check := guarded(t, n*ex.OutShape().Len())
	require.NoError(t, ex.Run(t.Context(), n, Inputs{Sample: sample, ClassEmbedding: vector}, out))
	check()
	return out
}

// TestAdaLayerNormOp against the formula in float64, with a mean that is large beside the
// deviation.
func TestAdaLayerNormOp(t *testing.T) {
	const n, parts, shift, scale, eps = 3, 6, 3, 4, 1e-3
	for _, x := range []Shape{{6, 1, 1}, {1, 3, 5}, {20, 7, 5}, {33, 9, 9}} {
		rng := rand.New(rand.NewPCG(1, 2))
		src, v := make([]float32, n*x.Len()), make([]float32, n*parts*x.C)
		normals(rng, src, 3)
		normals(rng, v, 1)
		for i := range src {
			src[i] += 50
		}
		bothKernels(t, func(t *testing.T) {
			got := runPatchOp(t, x, n, parts, src, v, func(b *builder, in, v TensorID) Op {
				return AdaLayerNorm{Base: b.base("n", x.C), X: in, V: v, Shift: shift, Scale: scale,
					Channels: x.C, Eps: eps}
			})
			pixels := x.H * x.W
			for i := range src {
				row, c, p := i/x.Len(), i/pixels%x.C, i%pixels
				at := func(c int) float64 { return float64(src[row*x.Len()+c*pixels+p]) }
				part := func(k int) float64 { return float64(v[(row*parts+k)*x.C+c]) }
				mean, variance := 0.0, 0.0
				for k := range x.C {
					mean += at(k) / float64(x.C)
				}
				for k := range x.C {
					variance += (at(k) - mean) * (at(k) - mean) / float64(x.C)
				}
				want := (at(c)-mean)/math.Sqrt(variance+eps)*(1+part(scale)) + part(shift)
				require.InDelta(t, want, got[i], 1e-6*max(1, math.Abs(want)), "%v element %d", x, i)
			}
		})
	}
}

// TestGatedAddOp against the formula in float64; the operand that is added is twice the other.
func TestGatedAddOp(t *testing.T) {
	const n, parts, gate = 3, 6, 5
	for _, x := range []Shape{{6, 1, 1}, {1, 3, 5}, {20, 7, 5}} {
		rng := rand.New(rand.NewPCG(1, 2))
		src, v := make([]float32, n*x.Len()), make([]float32, n*parts*x.C)
		normals(rng, src, 3)
		normals(rng, v, 1)
		got := runPatchOp(t, x, n, parts, src, v, func(b *builder, in, v TensorID) Op {
			twice := b.add(Affine{Base: b.base("twice", x.C), X: in, Mul: 2})
			return GatedAdd{Base: b.base("g", x.C), A: in, B: twice, V: v, Gate: gate}
		})
		for i, a := range src {
			row, c := i/x.Len(), i/(x.H*x.W)%x.C
			g := float64(v[(row*parts+gate)*x.C+c])
			require.InDelta(t, float64(a)*(1+2*g), got[i], 2e-6, "%v element %d", x, i)
		}
	}
}

// TestGridPositionsOp against the formula in float64; a position of 37 is wrong by 2e-6 when
// it is rounded to float32.
func TestGridPositionsOp(t *testing.T) {
	for _, x := range []Shape{{4, 1, 1}, {24, 4, 4}, {16, 3, 37}, {1152, 6, 5}} {
		const n, side, interpolation = 2, 4, 2.0
		src := make([]float32, n*x.Len())
		normals(rand.New(rand.NewPCG(1, 2)), src, 1)
		got := runOp(t, x, n, src, nil, func(b *builder, in TensorID) {
			b.add(GridPositions{Base: b.base("p", x.C), X: in, Side: side, Interpolation: interpolation})
		})
		for i := range src {
			c, h, w := i/(x.H*x.W)%x.C, i/x.W%x.H, i%x.W
			a := float64(w) * side / float64(x.W) / interpolation
			if c >= x.C/2 {
				a = float64(h) * side / float64(x.H) / interpolation
			}
			k := c % (x.C / 2)
			a *= math.Pow(10000, -4*float64(k%(x.C/4))/float64(x.C))
			want := math.Sin(a)
			if k >= x.C/4 {
				want = math.Cos(a)
			}
			require.InDelta(t, float64(src[i])+want, got[i], 1e-6, "%v element %d", x, i)
		}
	}
}

// TestUnpatchifyOp: every pixel of every patch, exactly.
func TestUnpatchifyOp(t *testing.T) {
	const n = 2
	for _, size := range []int{1, 2, 3} {
		for _, x := range []Shape{{1, 1, 1}, {4, 2, 3}, {3, 5, 2}} { // of the result: channels, patches
			big := Shape{x.C * size * size, x.H * size, x.W * size}
			src := make([]float32, n*big.Len())
			normals(rand.New(rand.NewPCG(1, 2)), src, 1)
			got := runOp(t, big, n, src, identity(big.C), func(b *builder, in TensorID) {
				small := b.add(Conv2D{Base: b.base("part", big.C), X: in, Bias: NoParam,
					Weight: b.param("w", "", big.C, big.C, 1, 1),
					Shape:  ConvShape{OutC: big.C, InC: big.C, KH: 1, KW: 1, Stride: size}})
				b.add(Unpatchify{Base: b.base("u", x.C), X: small, Like: in, Patch: size})
			})
			require.Len(t, got, n*x.C*big.H*big.W)
			for i, v := range got {
				row, c, r, k := i/(x.C*big.H*big.W), i/(big.H*big.W)%x.C, i/big.W%big.H, i%big.W
				from := (r%size*size+k%size)*x.C + c
				h, w := r/size*size, k/size*size // every size-th pixel is a patch here
				require.Equal(t, src[((row*big.C+from)*big.H+h)*big.W+w], v, "patch %d %v element %d", size, x, i)
			}
		}
	}
}

// TestGELUTanh: within an ulp of the formula in float64, whose tail is 1 - tanh for a
// negative z, and within the smallest float32 where the result has fewer bits.
func TestGELUTanh(t *testing.T) {
	var src []float32
	for x := float32(-12); x < 12; x += 0.00037 {
		src = append(src, x)
	}
	src = append(src, 1e-40, -1e-40, 3e-20, 1e30, -1e30, 0)
	got := make([]float32, len(src))
	geluTanhMap(got, src, 1, 0)
	for i, x := range src {
		z := float64(x)
		u := math.Sqrt(2/math.Pi) * (z + 0.044715*z*z*z)
		want := z / (1 + math.Exp(-2*u)) // (1 + tanh(u))/2
		require.LessOrEqual(t, math.Abs(float64(got[i])-want), 0.51*ulp32(want), "at %g", x)
		require.InDelta(t, z/2*(1+math.Tanh(u)), want, 1e-15*max(1, math.Abs(z)), "at %g", x)
	}
	got = got[:2]
	geluTanhMap(got, []float32{float32(math.NaN()), float32(math.Inf(1))}, 1, 0)
	require.True(t, math.IsNaN(float64(got[0])))
	require.True(t, math.IsInf(float64(got[1]), 1))
	geluTanhMap(got, []float32{1, 3}, 2, -1)
	require.InDelta(t, 0.8411919906, got[0], 1e-7) // torch: F.gelu(1, approximate="tanh")
	require.InDelta(t, 4.9999997707, got[1], 5e-7) // torch: of 5
}

// TestPatchShapes: operands that do not fit are refused.
func TestPatchShapes(t *testing.T) {
	shapes := []Shape{{8, 4, 4}, {6, 4, 4}, {48, 1, 1}, {8, 4, 5}, {2, 8, 8}, {2, 9, 8}, {50, 1, 1}}
	in := func(id TensorID) Shape { return shapes[id] }
	var e *ShapeError
	for _, op := range []Op{
		AdaLayerNorm{X: 0, V: 2, Channels: 6}, AdaLayerNorm{X: 0, V: 2, Channels: 8, Shift: 6},
		AdaLayerNorm{X: 0, V: 2, Channels: 8, Scale: -1}, AdaLayerNorm{X: 0, V: 6, Channels: 8},
		AdaLayerNorm{X: 0, V: 0, Channels: 8},
		GatedAdd{A: 0, B: 3, V: 2}, GatedAdd{A: 0, B: 0, V: 2, Gate: 6}, GatedAdd{A: 0, B: 0, V: 6},
		GridPositions{X: 1, Side: 4, Interpolation: 1}, GridPositions{X: 0, Interpolation: 1},
		GridPositions{X: 0, Side: 4}, GridPositions{X: 0, Side: 4, Interpolation: math.NaN()},
		Unpatchify{X: 0, Like: 4}, Unpatchify{X: 1, Like: 4, Patch: 2}, Unpatchify{X: 0, Like: 5, Patch: 2},
	} {
		_, err := op.infer(in)
		require.ErrorAs(t, err, &e, "%T %+v", op, op)
	}
	for op, want := range map[Op]Shape{
		Op(AdaLayerNorm{X: 0, V: 2, Channels: 8, Shift: 5}): shapes[0],
		Op(GatedAdd{A: 1, B: 1, V: 2, Gate: 7}):             shapes[1],
		Op(GridPositions{X: 0, Side: 4, Interpolation: 1}):  shapes[0],
		Op(Unpatchify{X: 0, Like: 4, Patch: 2}):             {2, 8, 8},
	} {
		got, err := op.infer(in)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
