package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// kernelLevels are the values of simd and wide to test on this processor.
func kernelLevels() map[string][2]bool {
	levels := map[string][2]bool{"generic": {}}
	if haveSIMD {
		levels["avx2"] = [2]bool{true, false}
	}
	if haveWide {
		levels["avx512"] = [2]bool{true, true}
	}
	return levels
}

// runner is a test or a benchmark.
type runner[T any] interface {
	testing.TB
	Run(name string, f func(T)) bool
}

// bothKernels runs f with the generic code and, where there is some, the assembly.
func bothKernels[T runner[T]](t T, f func(t T)) {
	savedSIMD, savedWide := simd, wide
	defer func() { simd, wide = savedSIMD, savedWide }()
	for name, level := range kernelLevels() {
		simd, wide = level[0], level[1]
		t.Run(name, f)
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

// lengths are 0 to n.
func lengths(n int) (all []int) {
	for i := range n + 1 {
		all = append(all, i)
	}
	return all
}

func TestSiLUKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	bothKernels(t, func(t *testing.T) {
		for _, n := range append(lengths(67), 100, 1000) {
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

// TestNetworkSameBits: whole networks give the same bits with and without assembly.
func TestNetworkSameBits(t *testing.T) {
	if !haveSIMD {
		t.Skip("no assembly for this processor")
	}
	savedSIMD, savedWide := simd, wide
	defer func() { simd, wide = savedSIMD, savedWide }()
	for _, name := range goldenNames {
		u, g := openGolden(t, name)
		simd, wide = false, false
		want := run(t, u, g.n, g.in, 2)
		for level, use := range kernelLevels() {
			simd, wide = use[0], use[1]
			sameBits(t, want, run(t, u, g.n, g.in, 2), "%s, %s", name, level)
		}
	}
}
