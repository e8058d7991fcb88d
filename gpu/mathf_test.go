package gpu

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// ulps is the error of got in units of the last place of the float32 nearest to want.
func ulps(got float32, want float64) float64 {
	w := float32(want)
	if w == 0 {
		return math.Abs(float64(got)-want) / math.SmallestNonzeroFloat32
	}
	unit := math.Abs(float64(math.Nextafter32(w, float32(math.Inf(1)))) - float64(w))
	return math.Abs(float64(got)-want) / unit
}

func ln1(u float32) float32 {
	v := [1]float32{u}
	ln(v[:])
	return v[0]
}

// TestLn goes over every float32 in [1/4, 1], where ln u comes close to 0, and one of 61 of the
// others that radius can ask for.
func TestLn(t *testing.T) {
	lo, dense, hi := math.Float32bits(0x1p-33), math.Float32bits(0.25), math.Float32bits(1)
	worst, at := 0.0, float32(0)
	for b := lo; b <= hi; b++ {
		if b < dense || testing.Short() {
			b += 60
		}
		u := math.Float32frombits(min(b, hi))
		if e := ulps(ln1(u), math.Log(float64(u))); e > worst {
			worst, at = e, u
		}
	}
	t.Logf("ln: %.3f ulp at %v", worst, at)
	require.LessOrEqual(t, worst, 1.0)
	require.Equal(t, math.Float32bits(0), math.Float32bits(ln1(1)))
}

// TestSincos goes over one of 97 of the 2^30 angles of a quarter turn, and its ends.
func TestSincos(t *testing.T) {
	worstS, worstC := 0.0, 0.0
	check := func(f int32) {
		theta := float32(float32(f) * 0x1.921fb6p-30)
		s, c := sincos(theta)
		ws, wc := math.Sincos(float64(theta))
		worstS, worstC = max(worstS, ulps(s, ws)), max(worstC, ulps(c, wc))
	}
	for f := int64(-1 << 29); f < 1<<29; f += 97 {
		check(int32(f))
	}
	for _, f := range []int32{-1 << 29, -1, 0, 1, 1 << 29} {
		check(f)
	}
	t.Logf("sin %.3f ulp, cos %.3f ulp", worstS, worstC)
	require.LessOrEqual(t, worstS, 1.0)
	require.LessOrEqual(t, worstC, 1.0)
}
