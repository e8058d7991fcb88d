package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/stretchr/testify/require"
)

// runOp evaluates a graph of one operation on a sample of n rows of shape x, h and w
// taken from it. weights are the parameters in order.
func runOp(t *testing.T, x Shape, n int, sample []float32, weights [][]float32,
	build func(b *builder, in TensorID)) []float32 {
	b := newBuilder("test")
	in := b.input(InputSample, x.C)
	build(b, in)
	require.NoError(t, b.err)
	b.g.Outputs = []TensorID{b.g.Ops[len(b.g.Ops)-1].Writes()}
	w, err := NewWeights(b.g, weights)
	require.NoError(t, err)
	pool := workers.New(3)
	defer pool.Close()
	ex, err := NewExecutor(b.g, w, n, x.H, x.W, pool)
	require.NoError(t, err)
	out, check := guarded(t, n*ex.OutShape().Len())
	require.NoError(t, ex.Run(t.Context(), n, Inputs{Sample: sample}, out))
	check()
	return out
}

// upfirdn is the textbook form of the FIR modes: zeros between pixels, padding, a full
// 4x4 convolution, and every down-th pixel (StyleGAN2's upfirdn2d).
func upfirdn(x []float64, h, w, up, down, pad0, pad1 int, gain float64) []float64 {
	ph, pw := h*up+pad0+pad1, w*up+pad0+pad1
	padded := make([]float64, ph*pw)
	for r := range h {
		for c := range w {
			padded[(pad0+r*up)*pw+pad0+c*up] = x[r*w+c]
		}
	}
	k := [4]float64{1, 3, 3, 1}
	var y []float64
	for r := 0; r+4 <= ph; r += down {
		for c := 0; c+4 <= pw; c += down {
			sum := 0.0
			for i := range 4 {
				for j := range 4 {
					sum += k[i] * k[j] / 64 * gain * padded[(r+i)*pw+c+j]
				}
			}
			y = append(y, sum)
		}
	}
	return y
}

func TestResample(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, x := range []Shape{{3, 4, 6}, {17, 7, 5}, {1, 2, 2}, {2, 9, 2}} {
		const n = 2
		src := make([]float32, n*x.Len())
		normals(rng, src, 1)
		for _, mode := range []ResampleMode{UpNearest, DownMean, UpFIR, DownFIR} {
			got := runOp(t, x, n, src, nil, func(b *builder, in TensorID) { b.resample("r", in, mode) })
			var want []float64
			for p := range n * x.C {
				plane := make([]float64, x.H*x.W)
				for i := range plane {
					plane[i] = float64(src[p*x.H*x.W+i])
				}
				switch mode {
				case UpFIR:
					want = append(want, upfirdn(plane, x.H, x.W, 2, 1, 2, 1, 4)...)
				case DownFIR:
					want = append(want, upfirdn(plane, x.H, x.W, 1, 2, 1, 1, 1)...)
				case UpNearest:
					for i := range 4 * len(plane) {
						want = append(want, plane[i/(2*x.W)/2*x.W+i%(2*x.W)/2])
					}
				case DownMean:
					for r := range x.H / 2 {
						for c := range x.W / 2 {
							i := 2*r*x.W + 2*c
							want = append(want, (plane[i]+plane[i+1]+plane[i+x.W]+plane[i+x.W+1])/4)
						}
					}
				}
			}
			require.Len(t, got, len(want), "%v %v", x, mode)
			for i := range want {
				require.InDelta(t, want[i], got[i], 1e-6, "%v %v element %d", x, mode, i)
			}
		}
	}
}

func TestGroupNormOp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	acts := map[Activation]func(z float64) float64{
		Identity: func(z float64) float64 { return z },
		SiLU:     func(z float64) float64 { return z / (1 + math.Exp(-z)) },
		Mish:     func(z float64) float64 { return z * math.Tanh(math.Log1p(math.Exp(z))) },
		GELU:     func(z float64) float64 { return z / 2 * (1 + math.Erf(z/math.Sqrt2)) },
		ReLU:     func(z float64) float64 { return max(z, 0) },
	}
	const n, groups, eps = 2, 3, 1e-3
	x := Shape{6, 3, 5}
	for act, f := range acts {
		src, gamma, beta := make([]float32, n*x.Len()), make([]float32, x.C), make([]float32, x.C)
		normals(rng, src, 3)
		normals(rng, gamma, 2)
		normals(rng, beta, 1)
		for i := range src {
			src[i] += 100 // a large mean must not cost accuracy
		}
		got := runOp(t, x, n, src, [][]float32{gamma, beta}, func(b *builder, in TensorID) {
			b.norm("n", in, groups, eps, act, NoTensor)
		})
		size := x.Len() / groups
		for g := range n * groups {
			sum, sq := 0.0, 0.0
			for _, v := range src[g*size : (g+1)*size] {
				sum += float64(v)
			}
			mean := sum / float64(size)
			for _, v := range src[g*size : (g+1)*size] {
				sq += (float64(v) - mean) * (float64(v) - mean)
			}
			for i := g * size; i < (g+1)*size; i++ {
				c := i / (x.H * x.W) % x.C
				z := (float64(src[i])-mean)/math.Sqrt(sq/float64(size)+eps)*float64(gamma[c]) + float64(beta[c])
				require.InDelta(t, f(z), got[i], 1e-4, "%v element %d", act, i) // 100 in float32: 4e-6, times 6
			}
		}
	}
}

func TestAttentionOp(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		x     Shape
		heads int
	}{{Shape{8, 1, 1}, 2}, {Shape{8, 3, 5}, 4}, {Shape{12, 4, 4}, 1}, {Shape{6, 7, 7}, 6}} {
		const n = 2
		src := make([]float32, n*c.x.Len())
		normals(rng, src, 1.5)
		bothKernels(t, func(t *testing.T) {
			got := runOp(t, c.x, n, src, nil, func(b *builder, in TensorID) {
				k := b.add(Affine{Base: b.base("k", c.x.C), X: in, Mul: 0.5, Add: 0.25})
				v := b.add(Affine{Base: b.base("v", c.x.C), X: in, Mul: -2, Add: 1})
				b.add(Attention{Base: b.base("a", c.x.C), Q: in, K: k, V: v, Heads: c.heads})
			})
			dim, tokens := c.x.C/c.heads, c.x.H*c.x.W
			for h := range n * c.heads {
				x := src[h*dim*tokens : (h+1)*dim*tokens]
				for i := range tokens {
					weights, sum := make([]float64, tokens), 0.0
					for j := range tokens {
						for k := range dim {
							weights[j] += float64(x[k*tokens+i]) * (float64(x[k*tokens+j])/2 + 0.25)
						}
						weights[j] = math.Exp(weights[j] / math.Sqrt(float64(dim)))
						sum += weights[j]
					}
					for k := range dim {
						want := 0.0
						for j := range tokens {
							want += weights[j] / sum * (1 - 2*float64(x[k*tokens+j]))
						}
						require.InDelta(t, want, got[h*dim*tokens+k*tokens+i], 1e-5)
					}
				}
			}
		})
	}
}

// TestTimestepEmbedding against the formula in float64. The argument t*f is rounded to
// float32, so the sine of a large one is off by half its spacing.
func TestTimestepEmbedding(t *testing.T) {
	for _, c := range []struct {
		dim   int
		flip  bool
		shift float64
	}{{16, false, 1}, {32, true, 0}, {7, true, 0.5}} {
		b := newBuilder("test")
		in := b.input(InputTimestep, 1)
		op := TimestepEmbedding{Base: b.base("e", c.dim), T: in, Dim: c.dim, Flip: c.flip, FreqShift: c.shift}
		b.g.Outputs = []TensorID{b.add(op)}
		w, err := NewWeights(b.g, nil)
		require.NoError(t, err)
		ex, err := NewExecutor(b.g, w, 4, 1, 1, nil)
		require.NoError(t, err)
		times := []float32{0, 1, 37.5, 999}
		out := make([]float32, 4*c.dim)
		require.NoError(t, ex.Run(t.Context(), 4, Inputs{Timestep: times}, out))
		half := c.dim / 2
		for r, time := range times {
			for i := range half {
				a := float64(time) * math.Exp(-math.Log(10000)*float64(i)/(float64(half)-c.shift))
				s, co := out[r*c.dim+i], out[r*c.dim+half+i]
				if c.flip {
					s, co = co, s
				}
				require.InDelta(t, math.Sin(a), s, 1e-6+a*1.2e-7, "%v t %g i %d", c, time, i)
				require.InDelta(t, math.Cos(a), co, 1e-6+a*1.2e-7, "%v t %g i %d", c, time, i)
			}
			if c.dim%2 == 1 {
				require.Zero(t, out[r*c.dim+c.dim-1])
			}
		}
	}
}
