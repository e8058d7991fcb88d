//go:build cuda

package netkernels

import (
	"math"

	"github.com/stretchr/testify/require"
)

// headShape is one case of HeadNorm: tokens from xFirst of xTokens on go to those from yFirst of yTokens on.
type headShape struct {
	images, tokens, heads, dim       int
	xFirst, xTokens, yFirst, yTokens int
	still                            int
	norm, turn                       bool
	in, out                          place
	wide                             map[DType]bool // the kernel with wide accesses
}

// headReference is HeadNorm in float64 for the tokens of an image one after the other.
func headReference(s headShape, x, gamma, angles []float64, eps float64) (want, size []float64) {
	want, size = make([]float64, len(x)), make([]float64, len(x))
	for i := 0; i < len(x); i += s.dim {
		z, token := make([]float64, s.dim), i/(s.heads*s.dim)%s.tokens
		copy(z, x[i:])
		if s.norm {
			sum := 0.0
			for _, v := range z {
				sum += v * v
			}
			for c := range z {
				z[c] *= gamma[c] / math.Sqrt(sum/float64(s.dim)+eps)
			}
		}
		copy(want[i:], z)
		for c := range z {
			if size[i+c] = math.Abs(z[c]); !s.norm {
				size[i+c] = 0 // a copy
			}
		}
		if !s.turn || token < s.still {
			continue
		}
		for c := 0; c < s.dim; c += 2 {
			cos, sin := angles[(token-s.still)*s.dim+c], angles[(token-s.still)*s.dim+c+1]
			want[i+c], want[i+c+1] = z[c]*cos-z[c+1]*sin, z[c+1]*cos+z[c]*sin
			size[i+c] = math.Abs(z[c]) + math.Abs(z[c+1])
			size[i+c+1] = size[i+c]
		}
	}
	return want, size
}

func (r *rig) headNorm(d DType, s headShape, values []float32) []float32 {
	r.t.Helper()
	const eps = 1e-6
	c := s.heads * s.dim
	gamma, angles := noise(Float32, 7, s.dim, 1, 0.3), make([]float32, (s.tokens-s.still)*s.dim)
	for i := 0; i+1 < len(angles); i += 2 {
		sin, cos := math.Sincos(float64(i) * 0.37)
		angles[i], angles[i+1] = float32(cos), float32(sin)
	}
	all := noise(d, 9, s.images*s.xTokens*c, 0, 1)
	for n := range s.images {
		copy(all[(n*s.xTokens+s.xFirst)*c:][:s.tokens*c], values[n*s.tokens*c:])
	}
	x, y := r.input(d, c, s.in, all), r.output(d, s.images*s.yTokens, c, s.out)
	g, a := r.params(gamma), r.params(append(angles, 0))
	before := r.read(y)
	op := HeadNorm{Type: d, Images: s.images, Tokens: s.tokens, Heads: s.heads, Dim: s.dim, XTokens: s.xTokens, YTokens: s.yTokens,
		Still: s.still, Norm: s.norm, Turn: s.turn, Eps: eps, X: x.from(s.xFirst), Y: y.from(s.yFirst), Gamma: g.At, Angles: a.At}
	require.Equal(r.t, []string{kernelName("head_norm", d, s.wide[d])}, r.run(op), "%v %+v", d, s)
	got := r.read(y)
	var out []float32
	for i, v := range got { // tokens beside those of the sequence's part stay
		if t := i / c % s.yTokens; t >= s.yFirst && t < s.yFirst+s.tokens {
			out = append(out, v)
		} else {
			require.Equal(r.t, math.Float32bits(before[i]), math.Float32bits(v))
		}
	}
	want, size := headReference(s, wide(values), wide(gamma), wide(angles), eps)
	near(r.t, d, want, func(i int) float64 { return size[i] }, out, "%v %+v", d, s)
	r.unchanged(x)
	r.free(x, y, g, a)
	return out
}

func testHeadNorm(r *rig) {
	always, never := map[DType]bool{Float32: true, Float16: true, BFloat16: true}, map[DType]bool{}
	four := map[DType]bool{Float32: true} // vectors of four
	for _, d := range dtypes {
		for _, s := range []headShape{
			// Stable Diffusion 3.5 and FLUX.1: heads of 64 and 128, alone and into a sequence with the text.
			{2, 5, 3, 64, 0, 5, 0, 5, 0, true, false, place{}, place{}, always}, {2, 5, 2, 64, 0, 5, 3, 8, 0, true, false, place{128, 256}, place{}, always},
			{2, 6, 2, 128, 0, 6, 4, 10, 0, true, true, place{256, 0}, place{}, always}, {1, 9, 2, 128, 0, 9, 0, 9, 4, true, true, place{}, place{}, always},
			// Joining, taking, turning alone.
			{2, 3, 2, 16, 0, 3, 2, 6, 0, false, false, place{}, place{}, always}, {2, 3, 2, 16, 4, 7, 0, 3, 0, false, false, place{16, 0}, place{0, 32}, always},
			{2, 5, 3, 24, 0, 5, 0, 5, 2, false, true, place{}, place{}, always},
			// Odd ones.
			{2, 4, 3, 12, 0, 4, 1, 6, 1, true, true, place{}, place{}, four}, {3, 3, 2, 7, 0, 3, 0, 3, 0, true, false, place{1, 2}, place{2, 1}, never},
			{1, 2, 1, 1, 0, 2, 0, 2, 0, true, false, place{}, place{}, never}, {2, 3, 5, 6, 1, 5, 2, 6, 3, true, true, place{1, 0}, place{}, never},
			{1, 3, 1, 520, 0, 3, 0, 3, 0, true, true, place{}, place{}, always}, {1, 2, 1, 131, 0, 2, 0, 2, 0, true, false, place{}, place{}, never},
			{1, 40, 3, 2, 0, 40, 0, 40, 0, true, true, place{1, 0}, place{}, never},
		} {
			size := s.tokens * s.heads * s.dim
			values := noise(d, 1, s.images*size, 0.5, 3)
			if s.images == 2 && s.tokens == 5 {
				values[3] = float32(math.NaN())
				values[size+s.dim] = float32(math.Inf(1))
			}
			all := r.headNorm(d, s, values)
			last := s // the last image alone
			last.images = 1
			sameBits(r.t, r.headNorm(d, last, values[(s.images-1)*size:]), all[(s.images-1)*size:], "%v %+v", d, s)
		}
	}
}
