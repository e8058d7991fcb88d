package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// bothKernels runs f with the generic code and, where there is one, the assembly.
func bothKernels(t *testing.T, f func(t *testing.T)) {
	saved := simd
	defer func() { simd = saved }()
	simd = false
	t.Run("generic", f)
	if haveSIMD {
		simd = true
		t.Run("simd", f)
	}
}

// guarded returns n floats in the middle of a slice with words around them, and a
// function that checks the words.
func guarded(t *testing.T, n int) ([]float32, func()) {
	const guard, words = -12345.5, 16
	all := make([]float32, n+2*words)
	for i := range all {
		all[i] = guard
	}
	return all[words : words+n : words+n], func() {
		t.Helper()
		for i := range words {
			require.Equal(t, float32(guard), all[i])
			require.Equal(t, float32(guard), all[len(all)-1-i])
		}
	}
}

func normals(rng *rand.Rand, dst []float32, std float64) {
	for i := range dst {
		dst[i] = float32(std * rng.NormFloat64())
	}
}

// equalOrNaN compares bits, any NaN being equal to any other.
func equalOrNaN(t *testing.T, want, got []float32) {
	t.Helper()
	for i := range want {
		if want[i] != want[i] && got[i] != got[i] {
			continue
		}
		require.Equal(t, math.Float32bits(want[i]), math.Float32bits(got[i]), "element %d: %g, %g",
			i, want[i], got[i])
	}
}

func TestSiLUKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	bothKernels(t, func(t *testing.T) {
		for _, n := range []int{0, 1, 7, 8, 9, 100, 1000} {
			src := make([]float32, n)
			normals(rng, src, 30)
			for i, v := range []float32{inf, -inf, nan, 0, float32(math.Copysign(0, -1)), 1e30, -1e30, 88, -88, -87} {
				if i < n {
					src[n-1-i] = v
				}
			}
			for _, ab := range [][2]float32{{1, 0}, {-0.7, 0.3}} {
				want := make([]float32, n)
				siluMapGeneric(want, src, ab[0], ab[1])
				got, check := guarded(t, n)
				siluMap(got, src, ab[0], ab[1])
				check()
				equalOrNaN(t, want, got)
				for i, x := range src {
					z := float64(float32(x*ab[0]) + ab[1])
					if math.Abs(z) < 1e4 {
						require.InDelta(t, z/(1+math.Exp(-z)), got[i], 1e-6*max(1, math.Abs(z))/2)
					}
				}
			}
		}
	})
}

func TestMulBlockKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	bothKernels(t, func(t *testing.T) {
		for _, c := range [][4]int{{1, 1, 1, 1}, {4, 3, 1, 9}, {7, 5, 5, 1}, {13, 49, 49, 1}, {49, 32, 1, 49}, {4, 1, 3, 2}} {
			rows, k, rowStride, stride := c[0], c[1], c[2], c[3]
			a, b := make([]float32, (rows-1)*rowStride+(k-1)*stride+1), make([]float32, k*lanes)
			normals(rng, a, 1)
			normals(rng, b, 1)
			want := make([]float32, rows*lanes)
			mulBlockGeneric(rows, k, want, a, b, rowStride, stride)
			got, check := guarded(t, rows*lanes)
			mulBlock(rows, k, got, a, b, rowStride, stride)
			check()
			equalOrNaN(t, want, got)
			for i := range got {
				sum := 0.0
				for j := range k {
					sum += float64(a[i/lanes*rowStride+j*stride]) * float64(b[j*lanes+i%lanes])
				}
				require.InDelta(t, sum, got[i], 1e-5)
			}
		}
	})
}

func TestSoftmaxKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	bothKernels(t, func(t *testing.T) {
		for _, n := range []int{1, 2, 49, 300} {
			src := make([]float32, n*lanes)
			normals(rng, src, 20)
			src[3] = float32(math.NaN())
			src[(n-1)*lanes+4] = float32(math.Inf(-1))
			src[(n-1)*lanes+5] = float32(math.Inf(1))
			want := append([]float32{}, src...)
			softmaxGeneric(want, 0.3)
			got, check := guarded(t, n*lanes)
			copy(got, src)
			softmaxBlock(got, 0.3)
			check()
			equalOrNaN(t, want, got)
			for j := 6; j < lanes; j++ {
				sum := 0.0
				for i := range n {
					sum += math.Exp(0.3 * float64(src[i*lanes+j]))
				}
				for i := range n {
					require.InDelta(t, math.Exp(0.3*float64(src[i*lanes+j]))/sum, got[i*lanes+j], 1e-6)
				}
			}
			require.True(t, math.IsNaN(float64(got[3])))
		}
	})
}

// TestNetworkSameBits: whole networks give the same bits with and without assembly.
func TestNetworkSameBits(t *testing.T) {
	if !haveSIMD {
		t.Skip("no assembly for this processor")
	}
	saved := simd
	defer func() { simd = saved }()
	for _, name := range goldenNames {
		u, g := openGolden(t, name)
		simd = true
		fast := run(t, u, g.n, g.in, 2)
		simd = false
		sameBits(t, fast, run(t, u, g.n, g.in, 2), name)
	}
}

// bothKernelsBench is bothKernels for a benchmark.
func bothKernelsBench(b *testing.B, f func(b *testing.B)) {
	saved := simd
	defer func() { simd = saved }()
	for _, use := range []bool{false, true} {
		if simd = use; !use || haveSIMD {
			b.Run(map[bool]string{false: "generic", true: "simd"}[use], f)
		}
	}
}
