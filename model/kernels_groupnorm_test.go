package model

import (
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// awkward are numbers that a kernel may treat specially.
var awkward = []float32{float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN()), 0,
	float32(math.Copysign(0, -1)), 1e-45, -1e-40, math.MaxFloat32, -math.MaxFloat32, 88, -88, 87.5, -87}

// mapInputs are n normal numbers, every other time with awkward ones among them.
func mapInputs(rng *rand.Rand, n int) []float32 {
	src := make([]float32, n)
	normals(rng, src, 30)
	for i := rng.IntN(2) * n; i < n; i += 1 + rng.IntN(4) {
		src[i] = awkward[rng.IntN(len(awkward))]
	}
	return src
}

// TestMapKernels: the maps give the bits of Go at every length, into a buffer of their own or in
// place, and write nothing else.
func TestMapKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	inf, nan := awkward[0], awkward[2]
	bothKernels(t, func(t *testing.T) {
		for n := range 70 {
			src, b, want := mapInputs(rng, n), mapInputs(rng, n), make([]float32, n)
			for _, ab := range [][2]float32{{1, 0}, {-0.7, 0.3}, {1e-30, -1e-42}, {inf, 1}, {1, nan}} {
				for _, f := range [][2]actFunc{{siluMapGeneric, siluMap}, {affineMapGeneric, affineMap}} {
					f[0](want, src, ab[0], ab[1])
					got, check := guarded(t, n)
					f[1](got, src, ab[0], ab[1])
					check()
					equalOrNaN(t, want, got)
					copy(got, src)
					f[1](got, got, ab[0], ab[1])
					check()
					equalOrNaN(t, want, got)
				}
			}
			sumMapGeneric(want, src, b)
			got, check := guarded(t, n)
			sumMap(got, src, b)
			check()
			equalOrNaN(t, want, got)
			copy(got, b)
			sumMap(got, src, got)
			check()
			equalOrNaN(t, want, got)
		}
	})
}

// sameFloat64 compares bits, any NaN being equal to any other.
func sameFloat64(t *testing.T, want, got float64, what string) {
	t.Helper()
	if want != want && got != got {
		return
	}
	require.Equal(t, math.Float64bits(want), math.Float64bits(got), "%s: %g, %g", what, want, got)
}

// TestMomentKernels: lanes of the assembly and of Go agree in every bit, and so do the moments.
func TestMomentKernels(t *testing.T) {
	rng := rand.New(rand.NewPCG(23, 24))
	type lanes struct{ before, sums, behind [2 * momentLanes]float64 }
	bothKernels(t, func(t *testing.T) {
		for n := range 200 {
			x := mapInputs(rng, n)
			if whole := n / momentLanes * momentLanes; whole > 0 && simd {
				var want [2 * momentLanes]float64
				var got lanes
				momentLanesGeneric(&want, x[:whole])
				momentLanesSIMD(&got.sums, x[:whole])
				for j := range want {
					sameFloat64(t, want[j], got.sums[j], fmt.Sprint(n, " lane ", j))
				}
				require.Zero(t, got.before)
				require.Zero(t, got.behind)
			}
			mean, variance := groupMoments(x)
			saved := simd
			simd = false
			wantMean, wantVariance := groupMoments(x)
			simd = saved
			sameFloat64(t, wantMean, mean, "mean")
			sameFloat64(t, wantVariance, variance, "variance")
		}
	})
}

// TestMomentsAccuracy: against 200-bit arithmetic, with a mean of 1000 deviations, whose square is
// what the variance loses to rounding.
func TestMomentsAccuracy(t *testing.T) {
	rng := rand.New(rand.NewPCG(25, 26))
	exact := func(v float64) *big.Float { return new(big.Float).SetPrec(200).SetFloat64(v) }
	bothKernels(t, func(t *testing.T) {
		for _, n := range []int{1, 2, 15, 16, 17, 49, 196, 784, 10007} {
			x := make([]float32, n)
			normals(rng, x, 1)
			for i := range x {
				x[i] += 1000
			}
			sum, sq, size := exact(0), exact(0), exact(float64(n))
			for _, v := range x {
				sum.Add(sum, exact(float64(v)))
			}
			mean := sum.Quo(sum, size)
			for _, v := range x {
				d := exact(float64(v))
				d.Sub(d, mean)
				sq.Add(sq, d.Mul(d, d))
			}
			wantMean, _ := mean.Float64()
			want, _ := sq.Quo(sq, size).Float64()
			gotMean, got := groupMoments(x)
			require.InEpsilon(t, wantMean, gotMean, 1e-15, "%d", n)
			adds := float64(n/momentLanes + 8) // one after another, each off by 1e6 * 2^-53 at most
			require.InDelta(t, want, got, 1.1e6*0x1p-53*adds, "%d", n)
		}
	})
}

func BenchmarkMaps(b *testing.B) {
	for _, n := range []int{49, 196, 784} {
		x, y := make([]float32, n), make([]float32, n)
		normals(rand.New(rand.NewPCG(27, 28)), x, 1)
		for _, f := range []struct {
			name string
			run  func()
		}{
			{"moments", func() { groupMoments(x) }},
			{"silu", func() { siluMap(y, x, 0.9, 0.1) }},
			{"affine", func() { affineMap(y, x, 0.9, 0.1) }},
			{"sum", func() { sumMap(y, x, x) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", f.name, n), func(b *testing.B) {
				bothKernels(b, func(b *testing.B) {
					for b.Loop() {
						f.run()
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/element")
				})
			})
		}
	}
}
