//go:build cuda

package netkernels

import (
	"math"

	"github.com/stretchr/testify/require"
)

// attentionShape is one case of Attention. The places are those of Q, K, V and O in wider rows.
type attentionShape struct {
	images, heads, queries, keys, dim int
	q, k, v, o                        place
	causal                            bool
	dtype                             DType
}

// attention runs Attention over values and compares it.
func (r *rig) attention(s attentionShape, q, k, v []float32, scale float32) []float32 {
	r.t.Helper()
	c := s.heads * s.dim
	qf, kf, vf := r.input(s.dtype, c, s.q, q), r.input(s.dtype, c, s.k, k), r.input(s.dtype, c, s.v, v)
	o := r.output(s.dtype, s.images*s.queries, c, s.o)
	r.run(Attention{Type: s.dtype, Causal: s.causal, Images: s.images, Heads: s.heads, Queries: s.queries, Keys: s.keys, Dim: s.dim, Scale: scale,
		Q: qf.Tensor, K: kf.Tensor, V: vf.Tensor, O: o.Tensor})
	got := r.read(o)
	want, size := attentionReference(s, wide(q), wide(k), wide(v), float64(scale))
	near(r.t, s.dtype, want, func(i int) float64 { return size[i] }, got, "%+v", s)
	r.unchanged(qf)
	r.unchanged(kf)
	r.unchanged(vf)
	r.free(qf, kf, vf, o)
	return got
}

// attentionReference is softmax(scale Q K^T) V in float64. The size of an element is that of the values it averages,
// times what a score of that size, in float32, may be off.
func attentionReference(s attentionShape, q, k, v []float64, scale float64) (want, size []float64) {
	c := s.heads * s.dim
	want, size = make([]float64, s.images*s.queries*c), make([]float64, s.images*s.queries*c)
	p := make([]float64, s.keys)
	for n := range s.images {
		for h := range s.heads {
			for i := range s.queries {
				qr := q[(n*s.queries+i)*c+h*s.dim:][:s.dim]
				top, most := math.Inf(-1), 0.0
				p := p
				if s.causal {
					p = p[:i+1]
				}
				for j := range p {
					p[j] = 0
					terms := 0.0
					for e, a := range k[(n*s.keys+j)*c+h*s.dim:][:s.dim] {
						p[j] += qr[e] * a
						terms += math.Abs(qr[e] * a)
					}
					p[j] *= scale
					top = math.Max(top, p[j])
					if !math.IsInf(p[j], -1) { // those weigh nothing
						most = math.Max(most, terms*scale)
					}
				}
				total := 0.0
				for j := range p {
					p[j] = math.Exp(p[j] - top)
					total += p[j]
				}
				for e := range s.dim {
					at := (n*s.queries+i)*c + h*s.dim + e
					for j := range p {
						x := p[j] / total * v[(n*s.keys+j)*c+h*s.dim+e]
						want[at] += x
						size[at] += math.Abs(x) * (1 + most/4)
					}
				}
			}
		}
	}
	return want, size
}

func testAttention(r *rig) {
	third := func(i, c int) place { return place{i * c, (2 - i) * c} } // of one product that makes Q, K and V
	for _, s := range []attentionShape{
		// The bundled model: 7x7 pixels, 4 heads of 32.
		{2, 4, 49, 49, 32, third(0, 128), third(1, 128), third(2, 128), place{}, false, Float32},
		// Stable Diffusion: heads of 40, 80, 160; 77 tokens of text; the autoencoder's one head of 512.
		{1, 2, 70, 64, 40, place{}, place{}, place{}, place{}, false, Float32}, {1, 1, 65, 77, 40, place{}, third(0, 40), third(2, 40), place{}, false, Float32},
		{1, 1, 20, 77, 80, place{}, place{}, place{}, place{}, false, Float32}, {1, 2, 17, 33, 160, place{}, place{}, place{}, place{}, false, Float32},
		{1, 1, 18, 40, 512, place{}, place{}, place{}, place{}, false, Float32},
		// Odd ones.
		{2, 3, 5, 3, 7, place{1, 2}, place{3, 1}, place{2, 2}, place{1, 1}, false, Float32}, {1, 1, 1, 1, 1, place{}, place{}, place{}, place{}, false, Float32},
		{1, 2, 3, 70, 1, place{}, place{}, place{}, place{}, false, Float32}, {1, 1, 16, 32, 64, place{}, place{}, place{}, place{}, false, Float32},
		{1, 1, 17, 65, 65, place{}, place{}, place{}, place{}, false, Float32}, {1, 1, 4, 9, 257, place{}, place{}, place{}, place{}, false, Float32},
		{1, 1, 4, 9, 300, place{4, 0}, place{}, place{}, place{}, false, Float32}, {3, 2, 64, 96, 16, place{}, place{}, place{}, place{}, false, Float32},
	} {
		n, m := s.images*s.queries*s.heads*s.dim, s.images*s.keys*s.heads*s.dim
		r.attention(s, noise(Float32, 1, n, 0, 1), noise(Float32, 2, m, 0, 1), noise(Float32, 3, m, 0.2, 1),
			float32(1/math.Sqrt(float64(s.dim))))
	}
}

// testAttentionCausal: a token of a text sees none behind it. Values are what a type holds, so that the reference has the
// same.
func testAttentionCausal(r *rig) {
	third := func(i, c int) place { return place{i * c, (2 - i) * c} }
	for _, d := range dtypes {
		for _, s := range []attentionShape{
			{images: 2, heads: 2, queries: 77, keys: 77, dim: 64, q: third(0, 128), k: third(1, 128), v: third(2, 128)},
			{images: 1, heads: 3, queries: 65, keys: 65, dim: 8}, {images: 1, heads: 1, queries: 1, keys: 1, dim: 5},
			{images: 1, heads: 1, queries: 130, keys: 130, dim: 16},
		} {
			s.causal, s.dtype = true, d
			n := s.images * s.queries * s.heads * s.dim
			q, k, v := noise(d, 1, n, 0, 1), noise(d, 2, n, 0, 1), noise(d, 3, n, 0.2, 1)
			got := r.attention(s, q, k, v, float32(1/math.Sqrt(float64(s.dim))))
			for i := n - s.heads*s.dim; i < n; i++ { // of the last token of the last text
				k[i], v[i] = 100, 100
			}
			again := r.attention(s, q, k, v, float32(1/math.Sqrt(float64(s.dim))))
			sameBits(r.t, got[:n-s.heads*s.dim], again[:n-s.heads*s.dim], "%+v: what is behind is not seen", s)
		}
	}
	for _, d := range []DType{Float16, BFloat16} { // all of a text too
		s := attentionShape{images: 1, heads: 2, queries: 20, keys: 33, dim: 40, dtype: d}
		r.attention(s, noise(d, 1, 20*80, 0, 1), noise(d, 2, 33*80, 0, 1), noise(d, 3, 33*80, 0, 1), 0.2)
	}
}

// testAttentionHard: scores that overflow an exponential, tiles without weight before and behind the one that has it,
// NaN in an image, a key at minus infinity.
func testAttentionHard(r *rig) {
	s := attentionShape{images: 2, heads: 1, queries: 19, keys: 100, dim: 24}
	n, m := s.images*s.queries*s.dim, s.images*s.keys*s.dim
	q, k, v := noise(Float32, 1, n, 0, 6), noise(Float32, 2, m, 0, 6), noise(Float32, 3, m, 0, 1)
	r.attention(s, q, k, v, 1)
	q = noise(Float32, 1, n, 1, 0)
	for i := range k {
		k[i] = float32(i/s.dim%s.keys) / 10 // rising scores: every tile rescales
	}
	r.attention(s, q, k, v, 1)
	for i := range k {
		k[i] = -k[i]
	}
	r.attention(s, q, k, v, 1)
	inf := float32(math.Inf(-1))
	for i := range 70 * s.dim { // two whole tiles of nothing
		k[i] = inf
	}
	r.attention(s, q, k, v, 1)
	k = noise(Float32, 2, m, 0, 1)
	k[99*s.dim] = float32(math.NaN())
	got := r.attention(s, q, k, v, 1)
	for i, x := range got {
		require.Equal(r.t, i < len(got)/2, x != x, "element %d is %g", i, x)
	}
	k[99*s.dim] = 1
	v[50*s.dim+3] = float32(math.NaN())
	v[150*s.dim+5] = float32(math.Inf(1))
	r.attention(s, q, k, v, 0.1)
}

func testAttentionBatch(r *rig) {
	s := attentionShape{images: 3, heads: 2, queries: 20, keys: 37, dim: 20}
	size := s.heads * s.dim
	q, k, v := noise(Float32, 1, 3*20*size, 0, 1), noise(Float32, 2, 3*37*size, 0, 1), noise(Float32, 3, 3*37*size, 0, 1)
	all := r.attention(s, q, k, v, 0.3)
	s.images = 1
	for n := range 3 {
		one := r.attention(s, q[n*20*size:][:20*size], k[n*37*size:][:37*size], v[n*37*size:][:37*size], 0.3)
		sameBits(r.t, one, all[n*20*size:][:20*size], "image %d", n)
	}
}
