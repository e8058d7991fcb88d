package model

import "math"

// fmaSoft is x*y + z rounded once, for processors without the instruction.
//
// The product is exact in float64. Its sum with z is rounded there and then to float32, which is
// the same as once, except where the first rounding may have hit the middle of two float32
// values, or where the result has fewer bits (and is not zero, which is exact).
func fmaSoft(x, y, z float32) float32 {
	s := float64(x)*float64(y) + float64(z)
	bits := math.Float64bits(s)
	const below, half = 1<<29 - 1, 1 << 28 // of the bits that float32 does not have
	const smallestNormal = (1023 - 126) << 52
	if bits&below == half || bits<<1-1 < smallestNormal<<1-1 {
		return fmaOdd(x, y, z)
	}
	return float32(s)
}

// fmaOdd rounds first to odd, which the second rounding cannot spoil; see Boldo and Melquiond,
// "Emulation of FMA and correctly rounded sums: proved algorithms using rounding to odd" (2008).
func fmaOdd(x, y, z float32) float32 {
	p, q := float64(x)*float64(y), float64(z)
	s := p + q
	t := s - p
	rest := (p - (s - t)) + (q - t) // Knuth's two-sum: p+q = s+rest
	bits := math.Float64bits(s)
	if bits&1 == 0 && (rest > 0 || rest < 0) {
		if (rest > 0) == (s > 0) {
			bits++
		} else {
			bits--
		}
	}
	return float32(math.Float64frombits(bits))
}
