package model

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLayerNormKernels: the assembly and Go agree in every bit, NaN included, and write nothing
// else.
func TestLayerNormKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	bothKernels(t, func(t *testing.T) {
		for n := range 68 {
			const channels = 3
			stride := n + 2
			x := make([]float32, channels*stride)
			normals(rng, x, 3)
			x[rng.IntN(len(x))] = float32(math.NaN())
			x[rng.IntN(len(x))] = float32(math.Inf(1))
			x[rng.IntN(len(x))] = 1e-45
			var sum, sq [2][80]float64
			for j := range sum[0] {
				v := rng.NormFloat64()
				sum[0][j], sum[1][j], sq[0][j], sq[1][j] = v, v, v*v, v*v
			}
			for _, c := range []int{1, channels} {
				pixelMomentsGeneric(sum[0][:n], sq[0][:n], x, c, stride)
				pixelMoments(sum[1][:n], sq[1][:n], x, c, stride)
				for j := range sum[0] { // behind n they are untouched
					equalOrNaN64(t, sum[0][j], sum[1][j])
					equalOrNaN64(t, sq[0][j], sq[1][j])
				}
			}
			x = x[:n]
			want := make([]float32, n)
			normaliseGeneric(want, x, sum[0][:], sq[0][:], 1.5, -0.25)
			got, check := guarded(t, n)
			normalise(got, x, sum[0][:], sq[0][:], 1.5, -0.25)
			check()
			equalOrNaN(t, want, got)
		}
	})
}

// TestLayerNormNaN: a NaN spoils its own pixel and no other.
func TestLayerNormNaN(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	bothKernels(t, func(t *testing.T) {
		x := Shape{5, 3, 23} // 69 pixels: a block and a part of one
		src, ones := make([]float32, x.Len()), []float32{1, 1, 1, 1, 1}
		normals(rng, src, 1)
		src[2*69+8], src[66] = float32(math.NaN()), float32(math.Inf(1))
		got := runOp(t, x, 1, src, [][]float32{ones, ones}, func(b *builder, in TensorID) {
			b.layerNorm("n", in)
		})
		for i, v := range got {
			require.Equal(t, i%69 == 8 || i%69 == 66, v != v, "element %d", i)
		}
	})
}

func BenchmarkLayerNorm(b *testing.B) {
	for _, shape := range [][2]int{{320, 4096}, {1280, 64}} {
		channels, pixels := shape[0], shape[1]
		b.Run(fmt.Sprintf("%dx%d", channels, pixels), func(b *testing.B) {
			s := &layerNormStep{op: LayerNorm{Channels: channels, Eps: 1e-5}, pixels: pixels,
				gamma: make([]float32, channels), beta: make([]float32, channels),
				x: make([]float32, channels*pixels), y: make([]float32, channels*pixels),
				blocks: (pixels + normBlock - 1) / normBlock}
			normals(rand.New(rand.NewPCG(5, 6)), s.x, 1)
			bothKernels(b, func(b *testing.B) {
				for b.Loop() {
					for i := range s.blocks {
						s.Do(i)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(s.x)), "ns/element")
			})
		})
	}
}

// equalOrNaN64 is equalOrNaN of float64.
func equalOrNaN64(t *testing.T, want, got float64) {
	t.Helper()
	if want == want || got == got {
		require.Equal(t, math.Float64bits(want), math.Float64bits(got))
	}
}
