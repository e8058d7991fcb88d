// Package half rounds float32 values to the 16-bit types, to nearest, ties to even, and
// brings them back.
package half

import "math"

// FromFloat32 returns the bits of v as IEEE 754 binary16 (1 sign, 5 exponent, 10
// fraction bits; bias 15). What is too large becomes infinite; NaN stays NaN.
func FromFloat32(v float32) uint16 {
	b := math.Float32bits(v)
	sign := uint16(b >> 16 & 0x8000)
	b &= 0x7fffffff
	switch {
	case b > 0x7f800000:
		return sign | 0x7e00
	case b >= 0x477ff000: // 65520, half a step above the largest
		return sign | 0x7c00
	case b < 0x38800000: // below 2^-14 a step is 2^-24: adding 1/2 rounds to it
		return sign | uint16(math.Float32bits(math.Float32frombits(b)+0.5)-0x3f000000)
	}
	return sign | round(b-(127-15)<<23, 13)
}

// BFloat16 returns the bits of v as bfloat16, the upper half of a binary32.
func BFloat16(v float32) uint16 {
	b := math.Float32bits(v)
	if b&0x7fffffff > 0x7f800000 {
		return uint16(b>>16) | 0x40
	}
	return round(b, 16)
}

// round drops low bits, to nearest, ties to even; a carry goes on into the exponent.
func round(b uint32, low int) uint16 {
	odd := b >> low & 1
	return uint16((b + 1<<(low-1) - 1 + odd) >> low)
}

// ToFloat32 returns the value of the bits of a binary16, which a float32 has exactly.
func ToFloat32(h uint16) float32 {
	sign, magnitude := uint32(h&0x8000)<<16, uint32(h&0x7fff)
	switch {
	case magnitude >= 0x7c00: // infinite, or NaN
		magnitude = magnitude<<13 | 0x7f800000
	case magnitude >= 0x0400:
		magnitude = magnitude<<13 + (127-15)<<23
	default: // a step is 2^-24
		magnitude = math.Float32bits(float32(magnitude) / (1 << 24))
	}
	return math.Float32frombits(sign | magnitude)
}

// BFloat16ToFloat32 returns the value of the bits of a bfloat16.
func BFloat16ToFloat32(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }
