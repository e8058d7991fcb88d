package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHeadRMSNormOp against the formula in float64.
func TestHeadRMSNormOp(t *testing.T) {
	const n, eps = 3, 1e-3
	for _, test := range []struct {
		x     Shape
		heads int
	}{{Shape{6, 1, 1}, 1}, {Shape{6, 3, 5}, 6}, {Shape{20, 7, 5}, 2}, {Shape{33, 9, 9}, 3}} {
		x, d := test.x, test.x.C/test.heads
		rng := rand.New(rand.NewPCG(1, 2))
		src, gamma := make([]float32, n*x.Len()), make([]float32, d)
		normals(rng, src, 0.1)
		normals(rng, gamma, 1)
		bothKernels(t, func(t *testing.T) {
			got := runOp(t, x, n, src, [][]float32{gamma}, func(b *builder, in TensorID) {
				b.headRMSNorm("n", in, test.heads, eps)
			})
			pixels := x.H * x.W
			for i, v := range src {
				head, c, p := i/(d*pixels), i/pixels%d, i%pixels
				sum := 0.0
				for k := range d {
					sum += math.Pow(float64(src[(head*d+k)*pixels+p]), 2)
				}
				want := float64(v) / math.Sqrt(sum/float64(d)+eps) * float64(gamma[c])
				require.InDelta(t, want, got[i], 1e-6*max(1, math.Abs(want)), "%v element %d", x, i)
			}
		})
	}
}

// TestRotaryOp against the formula in float64: tokens before the grid stay as they are, bit
// for bit, and pairs turn by the row or the column.
func TestRotaryOp(t *testing.T) {
	const n, theta = 2, 100.0
	for _, test := range []struct {
		grid  Shape
		heads int
		axes  [3]int
		text  bool
	}{
		{Shape{8, 1, 1}, 1, [3]int{2, 2, 4}, false}, {Shape{24, 3, 5}, 2, [3]int{2, 4, 6}, true},
		{Shape{36, 7, 33}, 3, [3]int{0, 8, 4}, true}, {Shape{12, 40, 2}, 1, [3]int{4, 0, 8}, false},
	} {
		g, d, grid := test.grid, test.grid.C/test.heads, test.grid.H*test.grid.W
		src := make([]float32, n*g.Len())
		normals(rand.New(rand.NewPCG(1, 2)), src, 1)
		text := 0
		got := runOp(t, g, n, src, nil, func(b *builder, in TensorID) {
			x := in
			if test.text { // the image is its own text
				x, text = b.join("x", in, in), grid
			}
			b.add(Rotary{Base: b.base("r", g.C), X: x, Like: in, Heads: test.heads, Axes: test.axes, Theta: theta})
		})
		tokens := text + grid
		require.Len(t, got, n*g.C*tokens)
		for i, v := range got {
			plane, p := i/tokens, i%tokens-text
			if p < 0 {
				require.Equal(t, src[plane*grid+p+text], v, "text %v element %d", g, i)
				continue
			}
			c, place := plane%d, 0
			axis, first := 0, 0
			for c >= first+test.axes[axis] {
				first += test.axes[axis]
				axis++
			}
			if axis > 0 {
				place = [...]int{p / g.W, p % g.W}[axis-1]
			}
			k := (c - first) / 2
			sin, cos := math.Sincos(float64(place) * math.Pow(theta, -2*float64(k)/float64(test.axes[axis])))
			a, b := float64(src[(plane-c%2)*grid+p]), float64(src[(plane-c%2+1)*grid+p])
			want := a*cos - b*sin
			if c%2 == 1 {
				want = b*cos + a*sin
			}
			require.InDelta(t, want, v, 5e-7, "%v element %d", g, i)
		}
	}
}

// TestJoinAndTake: the text's tokens first, and each taken again, exactly.
func TestJoinAndTake(t *testing.T) {
	const n = 2
	for _, x := range []Shape{{1, 1, 1}, {3, 5, 2}, {20, 4, 3}} {
		src := make([]float32, n*x.Len())
		normals(rand.New(rand.NewPCG(1, 2)), src, 1)
		for _, end := range []bool{false, true} {
			join := func(b *builder, in TensorID) TensorID {
				return b.join("join", b.add(Affine{Base: b.base("twice", x.C), X: in, Mul: 2}), in)
			}
			pixels := x.H * x.W
			both := runOp(t, x, n, src, nil, func(b *builder, in TensorID) { join(b, in) })
			got := runOp(t, x, n, src, nil, func(b *builder, in TensorID) { b.take("take", join(b, in), in, end) })
			require.Len(t, both, 2*len(src))
			require.Len(t, got, len(src))
			for i, v := range src {
				c, p := i/pixels, i%pixels
				require.Equal(t, 2*v, both[c*2*pixels+p])
				require.Equal(t, v, both[c*2*pixels+pixels+p])
				want := 2 * v
				if end {
					want = v
				}
				require.Equal(t, want, got[i])
			}
		}
	}
}

// TestPixelShuffleOps: every pixel of every block, exactly, there and back.
func TestPixelShuffleOps(t *testing.T) {
	const n = 2
	for _, side := range []int{1, 2, 3} {
		for _, x := range []Shape{{1, side, side}, {4, 2 * side, 3 * side}, {3, 5 * side, side}} {
			src := make([]float32, n*x.Len())
			normals(rand.New(rand.NewPCG(1, 2)), src, 1)
			down := func(b *builder, in TensorID) TensorID {
				return b.add(PixelUnshuffle{Base: b.base("d", x.C*side*side), X: in, Side: side})
			}
			got := runOp(t, x, n, src, nil, func(b *builder, in TensorID) { down(b, in) })
			for i, v := range src {
				row, c, r, k := i/x.Len(), i/(x.H*x.W)%x.C, i/x.W%x.H, i%x.W
				to := (row*x.C+c)*side*side + r%side*side + k%side
				require.Equal(t, v, got[(to*(x.H/side)+r/side)*(x.W/side)+k/side], "side %d %v element %d", side, x, i)
			}
			back := runOp(t, x, n, src, nil, func(b *builder, in TensorID) {
				b.add(PixelShuffle{Base: b.base("u", x.C), X: down(b, in), Side: side})
			})
			require.Equal(t, src, back)
		}
	}
}

// TestFluxShapes: operands that do not fit are refused.
func TestFluxShapes(t *testing.T) {
	shapes := []Shape{{8, 4, 4}, {6, 4, 4}, {8, 21, 1}, {8, 3, 5}}
	in := func(id TensorID) Shape { return shapes[id] }
	axes := [3]int{2, 2, 4}
	var e *ShapeError
	for _, op := range []Op{
		HeadRMSNorm{X: 0, Channels: 8}, HeadRMSNorm{X: 0, Channels: 8, Heads: 3}, HeadRMSNorm{X: 0, Channels: 6, Heads: 2},
		JoinTokens{A: 0, B: 1}, TakeTokens{X: 0, Like: 2},
		Rotary{X: 2, Like: 0, Heads: 1, Axes: axes}, Rotary{X: 2, Like: 0, Axes: axes, Theta: 1},
		Rotary{X: 2, Like: 0, Heads: 2, Axes: axes, Theta: 1}, Rotary{X: 3, Like: 0, Heads: 1, Axes: axes, Theta: 1},
		Rotary{X: 2, Like: 0, Heads: 1, Axes: axes, Theta: math.NaN()},
		Rotary{X: 2, Like: 0, Heads: 1, Axes: [3]int{1, 3, 4}, Theta: 1},
		Rotary{X: 2, Like: 0, Heads: 1, Axes: [3]int{-2, 6, 4}, Theta: 1},
		PixelUnshuffle{X: 0}, PixelUnshuffle{X: 3, Side: 2}, PixelShuffle{X: 1, Side: 2}, PixelShuffle{X: 0},
		PixelUnshuffle{X: 0, Side: maxPatch + 1},
	} {
		_, err := op.infer(in)
		require.ErrorAs(t, err, &e, "%T %+v", op, op)
	}
	for op, want := range map[Op]Shape{
		Op(HeadRMSNorm{X: 0, Channels: 8, Heads: 4}):              shapes[0],
		Op(JoinTokens{A: 2, B: 0}):                                {8, 37, 1},
		Op(TakeTokens{X: 2, Like: 0}):                             shapes[0],
		Op(Rotary{X: 2, Like: 0, Heads: 1, Axes: axes, Theta: 1}): shapes[2],
		Op(PixelUnshuffle{X: 0, Side: 2}):                         {32, 2, 2},
		Op(PixelShuffle{X: 0, Side: 2}):                           {2, 8, 8},
	} {
		got, err := op.infer(in)
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}
