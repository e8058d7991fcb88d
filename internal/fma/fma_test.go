package fma

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
		for _, got := range []float32{Float32(x, y, z), Soft(x, y, z)} {
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
		got := Soft(v[0], v[1], v[2])
		require.True(t, got != got, "%v", v)
	}
	require.Equal(t, inf, Soft(math.MaxFloat32, 2, 1))
	require.Equal(t, -inf, Soft(inf, -1, 1))
}

// TestHard is the same against exact arithmetic, most of it where a sum rounded to float64 first would be
// wrong: z far above or below the product, results half-way, subnormal or cancelled.
func TestHard(t *testing.T) {
	rng := rand.New(rand.NewPCG(7, 8))
	for range 200_000 {
		x, y := float32(rng.NormFloat64()), float32(rng.NormFloat64())
		z := float32(math.Ldexp(rng.NormFloat64(), rng.IntN(120)-60))
		switch rng.IntN(4) {
		case 0: // half a unit of z and a little
			x = float32(math.Ldexp(1, -24)) * z
			y = 1 + float32(rng.IntN(3)-1)*0x1p-23
		case 1: // subnormal
			x, y, z = x*0x1p-70, y*0x1p-70, z*0x1p-130
		case 2:
			z = -x * y
		}
		exact := new(big.Float).SetPrec(600).Mul(big.NewFloat(float64(x)), big.NewFloat(float64(y)))
		exact.Add(exact, big.NewFloat(float64(z)))
		want, _ := exact.Float32()
		require.Equal(t, want, Soft(x, y, z), "%x %x %x", x, y, z)
		require.Equal(t, want, Float32(x, y, z), "%x %x %x", x, y, z)
	}
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	for _, c := range [][3]float32{{nan, 1, 1}, {1, nan, 1}, {1, 1, nan}, {inf, 0, 1}, {inf, 1, -inf}} {
		require.True(t, math.IsNaN(float64(Soft(c[0], c[1], c[2]))), c)
	}
	require.Equal(t, inf, Soft(inf, 2, -3))
	require.Equal(t, inf, Soft(math.MaxFloat32, 2, -3))
}
