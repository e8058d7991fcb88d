// Package fma multiplies and adds float32 numbers with one rounding, on every processor.
package fma

import "math"

// Soft is x*y + z rounded once, for processors without the instruction and as the reference.
//
// The product is exact in float64. The sum is rounded to 53 bits and then to 24, which is the same
// as once, unless the first rounding ends at the middle of two float32 values or the result is too
// small for 24 bits (and not zero, which is exact); see Boldo and Melquiond, "Emulation of FMA and
// correctly rounded sums: proved algorithms using rounding to odd" (2008).
func Soft(x, y, z float32) float32 {
	s := float64(x)*float64(y) + float64(z)
	bits := math.Float64bits(s)
	const below, half = 1<<29 - 1, 1 << 28 // of the bits that float32 does not have
	if bits&below == half || bits<<1-1 < smallestNormal<<1-1 {
		return odd(x, y, z)
	}
	return float32(s)
}

// smallestNormal is 2^-126 as float64 bits.
const smallestNormal = (1023 - 126) << 52

// odd is Soft with the first rounding to odd, which the second one cannot spoil.
func odd(x, y, z float32) float32 {
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
