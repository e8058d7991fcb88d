package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMulBlockKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	bothKernels(t, func(t *testing.T) {
		for _, c := range [][4]int{{1, 1, 1, 1}, {4, 3, 1, 9}, {7, 5, 5, 1}, {8, 2, 3, 1}, {13, 49, 49, 1},
			{16, 40, 1, 31}, {33, 128, 130, 1}, {49, 32, 1, 49}, {4, 1, 3, 2}} {
			rows, k, rowStride, stride := c[0], c[1], c[2], c[3]
			a, b := make([]float32, (rows-1)*rowStride+(k-1)*stride+1), make([]float32, k*lanes)
			normals(rng, a, 1)
			normals(rng, b, 1)
			start, factor := make([]float32, rows*lanes), make([]float32, lanes)
			normals(rng, start, 1)
			normals(rng, factor, 1)
			for _, f := range [][]float32{nil, factor} {
				want := append([]float32{}, start...)
				mulBlockGeneric(rows, k, want, a, b, rowStride, stride, f)
				got, check := guarded(t, rows*lanes)
				copy(got, start)
				mulBlock(rows, k, got, a, b, rowStride, stride, f)
				check()
				equalOrNaN(t, want, got)
				for i := range got {
					sum := 0.0
					if f != nil {
						sum = float64(f[i%lanes]) * float64(start[i])
					}
					for j := range k {
						sum += float64(a[i/lanes*rowStride+j*stride]) * float64(b[j*lanes+i%lanes])
					}
					require.InDelta(t, sum, got[i], 3e-5) // 128 terms, of up to 60 in sum
				}
			}
		}
	})
}

// TestMulPair compares with two products of a block.
func TestMulPair(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	bothKernels(t, func(t *testing.T) {
		for _, c := range [][4]int{{1, 1, 1, 1}, {7, 5, 5, 1}, {8, 2, 3, 1}, {13, 49, 49, 1}, {16, 40, 1, 31},
			{33, 128, 130, 1}, {128, 40, 1, 144}, {40, 128, 200, 1}} {
			rows, k, rowStride, stride := c[0], c[1], c[2], c[3]
			a := make([]float32, (rows-1)*rowStride+(k-1)*stride+1)
			normals(rng, a, 1)
			var b, start, factor [2][]float32
			for i := range b {
				b[i], start[i], factor[i] = make([]float32, k*lanes), make([]float32, rows*lanes), make([]float32, lanes)
				normals(rng, b[i], 1)
				normals(rng, start[i], 1)
				normals(rng, factor[i], 1)
				b[i][rng.IntN(k*lanes)] = float32(math.NaN())
				b[i][rng.IntN(k*lanes)] = float32(math.Inf(-1))
			}
			for _, f := range [][2][]float32{{}, factor} {
				var got [2][]float32
				var checks [2]func()
				for i := range got {
					got[i], checks[i] = guarded(t, rows*lanes)
					copy(got[i], start[i])
				}
				mulPair(rows, k, got, a, b, rowStride, stride, f)
				for i := range got {
					checks[i]()
					want := append([]float32{}, start[i]...)
					mulBlockGeneric(rows, k, want, a, b[i], rowStride, stride, f[i])
					equalOrNaN(t, want, got[i])
				}
			}
		}
	})
}

func TestScaleRows(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	bothKernels(t, func(t *testing.T) {
		for _, rows := range []int{1, 2, 9} {
			for n := 1; n <= lanes; n++ {
				ldd := n + rows%2
				src, f := make([]float32, rows*lanes), make([]float32, lanes)
				normals(rng, src, 1)
				normals(rng, f, 1)
				f[0] = float32(math.NaN())
				got, check := guarded(t, (rows-1)*ldd+n)
				want := append([]float32{}, got...)
				for m := range rows {
					for j := range n {
						want[m*ldd+j] = src[m*lanes+j] * f[j]
					}
				}
				scaleRows(got, ldd, src, f, rows, n)
				check()
				equalOrNaN(t, want, got)
			}
		}
	})
}

// TestSoftmaxKernels takes scores in tiles and compares with the formula in float64.
func TestSoftmaxKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	inf := float32(math.Inf(1))
	bothKernels(t, func(t *testing.T) {
		for _, n := range []int{1, 2, 3, 4, 5, 31, 128, 300} {
			src := make([]float32, n*lanes)
			normals(rng, src, 20)
			for i := range n {
				src[i*lanes+3] = -inf
			}
			src[rng.IntN(n)*lanes] = float32(math.NaN())
			src[rng.IntN(n)*lanes+1] = inf
			if n > 1 {
				src[(n-1)*lanes+4] = -inf
				src[(n-2)*lanes+4] = 1000
			}
			for _, tile := range []int{1, 7, 128, 300} {
				var want, got softmaxState
				want.reset()
				got.reset()
				p := append([]float32{}, src...) // with the factors of all later tiles
				for lo := 0; lo < n; lo += tile {
					hi := min(n, lo+tile)
					part := append([]float32{}, src[lo*lanes:hi*lanes]...)
					softmaxTileGeneric(part, 0.3, want[:])
					s, check := guarded(t, len(part))
					copy(s, src[lo*lanes:])
					softmaxTile(s, 0.3, &got)
					check()
					equalOrNaN(t, part, s)
					equalOrNaN(t, want[:], got[:])
					for i := range p[:lo*lanes] {
						p[i] *= got.factor()[i%lanes]
					}
					copy(p[lo*lanes:], s)
				}
				for j := range lanes {
					if j < 2 || j == 3 {
						require.True(t, math.IsNaN(float64(got.sum()[j])), j)
						continue
					}
					sum, top := 0.0, math.Inf(-1)
					for i := range n {
						top = max(top, float64(src[i*lanes+j]))
					}
					for i := range n {
						sum += math.Exp(0.3 * (float64(src[i*lanes+j]) - top))
					}
					require.InEpsilon(t, sum, float64(got.sum()[j]), 2e-6)
					for i := range n {
						want := math.Exp(0.3*(float64(src[i*lanes+j])-top)) / sum
						require.InDelta(t, want, p[i*lanes+j]/got.sum()[j], 1e-6)
					}
				}
			}
		}
	})
}

// BenchmarkAttention is one work item, 64 queries of a head of 40 channels.
func BenchmarkAttention(b *testing.B) {
	const tokens, dim = 4096, 40
	for _, keys := range []int{tokens, 77} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			s := newAttention(rand.New(rand.NewPCG(1, 2)), dim, 1, tokens, keys, 1)
			bothKernels(b, func(b *testing.B) {
				for i := 0; b.Loop(); i++ {
					s.item(s.scratch, 0, i%s.groups*s.group*lanes)
				}
				flops := 4 * float64(s.group*lanes*dim*keys)
				b.ReportMetric(flops*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
			})
		})
	}
}

// newAttention is a step with random operands for some heads.
func newAttention(rng *rand.Rand, dim, heads, tokens, keys, threads int) *attentionStep {
	s := &attentionStep{dim: dim, tokens: tokens, keys: keys, scale: float32(1 / math.Sqrt(float64(dim))),
		q: make([]float32, heads*dim*tokens), k: make([]float32, heads*dim*keys),
		v: make([]float32, heads*dim*keys), y: make([]float32, heads*dim*tokens)}
	for _, x := range [][]float32{s.q, s.k, s.v} {
		normals(rng, x, 1)
	}
	s.deal(heads, threads)
	s.scratch = make([]float32, s.slots*slotScratch(dim, tokens, keys))
	return s
}
