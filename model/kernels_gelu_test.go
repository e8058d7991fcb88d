package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// geluInputs is n normal numbers that end with the values where something changes.
func geluInputs(rng *rand.Rand, n int) []float32 {
	src := make([]float32, n)
	normals(rng, src, 4)
	inf := float32(math.Inf(1))
	for i, v := range []float32{inf, -inf, float32(math.NaN()), 0, float32(math.Copysign(0, -1)),
		14.5, -14.5, -14.6, 1e30, -1e30, 1e-40, -13.5} {
		if i < n {
			src[n-1-i] = v
		}
	}
	return src
}

// TestGELUKernels: the assembly and Go agree in every bit at every length.
func TestGELUKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	bothKernels(t, func(t *testing.T) {
		for n := range 68 {
			gate, x := geluInputs(rng, n), make([]float32, n)
			normals(rng, x, 2)
			for _, ab := range [][2]float32{{1, 0}, {-0.7, 0.3}} {
				want := make([]float32, n)
				geluMapGeneric(want, gate, ab[0], ab[1])
				got, check := guarded(t, n)
				geluMap(got, gate, ab[0], ab[1])
				check()
				equalOrNaN(t, want, got)
			}
			got, check := guarded(t, n)
			gegluMap(got, x, gate)
			check()
			for i, v := range x {
				equalOrNaN(t, []float32{v * gelu(gate[i])}, got[i:i+1])
			}
		}
	})
}

// TestGELUAccuracy: within 0.7 ulp of the formula, where math.Erfc keeps the tail of a negative z
// precise, and within the smallest float32 where the result has fewer bits.
func TestGELUAccuracy(t *testing.T) {
	var src []float32
	for x := float32(-15); x < 15; x += 0.00037 {
		src = append(src, x)
	}
	src = append(src, 1e-40, -1e-40, 3e-20)
	bothKernels(t, func(t *testing.T) {
		got := make([]float32, len(src))
		geluMap(got, src, 1, 0)
		worst := 0.0
		for i, x := range src {
			want := float64(x) * math.Erfc(-float64(x)/math.Sqrt2) / 2
			worst = max(worst, math.Abs(float64(got[i])-want)/ulp32(want))
		}
		require.Less(t, worst, 0.7, "ulp")
		t.Log(worst)
	})
}

func BenchmarkGEGLU(b *testing.B) {
	x, gate, y := make([]float32, 1024), make([]float32, 1024), make([]float32, 1024)
	rng := rand.New(rand.NewPCG(3, 4))
	normals(rng, x, 1)
	normals(rng, gate, 1)
	bothKernels(b, func(b *testing.B) {
		for b.Loop() {
			gegluMap(y, x, gate)
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/element")
	})
}
