package model

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// ulp32 is the distance of neighbouring float32 numbers at |x|.
func ulp32(x float64) float64 {
	f := float32(math.Abs(x))
	return float64(math.Nextafter32(f, float32(math.Inf(1)))) - float64(f)
}

func TestExpWithin(t *testing.T) {
	worst := 0.0
	for x := float32(-87); x <= 88; x += 0.00091 {
		want := math.Exp(float64(x))
		worst = max(worst, math.Abs(float64(expWithin(x))-want)/ulp32(want))
	}
	require.Less(t, worst, 1.1, "ulp")
	require.Equal(t, float32(1), expWithin(0))
	require.InEpsilon(t, math.Exp(-87), float64(expWithin(-87)), 1e-6)
	require.InEpsilon(t, math.Exp(88), float64(expWithin(88)), 1e-6)
	require.True(t, math.IsNaN(float64(expWithin(float32(math.NaN())))))
}

func TestFloat64Functions(t *testing.T) {
	for i := range 200_000 {
		x := float64(i)*0.0137 - 1000
		s, c := sincos64(x)
		require.InDelta(t, math.Sin(x), s, 4e-16, x)
		require.InDelta(t, math.Cos(x), c, 4e-16, x)
	}
	for x := -700.0; x < 700; x += 0.37 {
		require.InEpsilon(t, math.Exp(x), exp64(x), 1e-15, x)
		y := math.Exp(x / 3)
		require.InDelta(t, math.Log(y), log64(y), 1e-15*max(1, math.Abs(x)), x)
	}
	s, c := sincos64(math.Inf(1))
	require.True(t, math.IsNaN(s) && math.IsNaN(c))
	require.True(t, math.IsInf(log64(0), -1))
	require.True(t, math.IsNaN(log64(-1)))
	s, _ = sincos64(1e9)
	require.InDelta(t, math.Sin(1e9), s, 1e-6)
}

// TestGELU: within an ulp of the formula, also where 1 + erf cancels, and what infinity gives.
func TestGELU(t *testing.T) {
	inf := float32(math.Inf(1))
	src := []float32{inf, -inf, float32(math.NaN()), 0, 1e30, -1e30, 20, -20}
	for x := float32(-8); x < 8; x += 0.0013 {
		src = append(src, x)
	}
	dst := make([]float32, len(src))
	geluMap(dst, src, 1, 0)
	for i, x := range src[8:] {
		want := float64(x) * math.Erfc(-float64(x)/math.Sqrt2) / 2
		require.InDelta(t, want, float64(dst[8+i]), ulp32(want), "%g", x)
	}
	require.Equal(t, inf, dst[0])
	require.True(t, dst[1] != dst[1] && dst[2] != dst[2]) // as x/2*(1+erf) gives
	require.Equal(t, []float32{0, 1e30, 0, 20, 0}, dst[3:8])
}
