package gemm

import (
	"math"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFMA compares with exact arithmetic, on sums that cancel, end at the middle of two values or
// below the smallest normal one, and on every exponent.
func TestFMA(t *testing.T) {
	rng := rand.New(rand.NewPCG(21, 22))
	exact := func(v float32) *big.Float { return new(big.Float).SetPrec(1200).SetFloat64(float64(v)) }
	check := func(x, y, z float32) {
		sum := exact(x)
		sum.Mul(sum, exact(y)).Add(sum, exact(z))
		want, _ := sum.Float32()
		for _, got := range []float32{fma(x, y, z), fmaSoft(x, y, z)} {
			require.Equal(t, want, got, "%g*%g + %g", x, y, z)
		}
	}
	value := func(low, high int) float32 {
		v := math.Ldexp(float64(1<<23+rng.IntN(1<<23)), low+rng.IntN(high-low+1)-23)
		return float32(math.Copysign(v, rng.Float64()-0.5))
	}
	for range 20000 {
		check(value(-2, 2), value(-2, 2), value(-30, 30))
		check(value(-80, 60), value(-60, 60), value(-149, 120))
		x, y := value(-2, 2), value(-2, 2)
		check(x, y, -float32(x*y))
		// Products of 12-bit values end where the last bit of z begins, one bit behind it and more.
		x, y = float32(1+2*rng.IntN(1<<11)), float32(1+2*rng.IntN(1<<11))
		check(x, float32(math.Ldexp(float64(y), -24-rng.IntN(30))), float32(1<<23+rng.IntN(1<<23)))
	}
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	for _, v := range [][3]float32{{inf, 0, 1}, {inf, 1, -inf}, {nan, 1, 1}, {1, 1, nan}} {
		got := fmaSoft(v[0], v[1], v[2])
		require.True(t, got != got, "%v", v)
	}
	require.Equal(t, inf, fmaSoft(math.MaxFloat32, 2, 1))
	require.Equal(t, -inf, fmaSoft(inf, -1, 1))
}
