package gputest

import "math"

// DType is the element type of the network's buffers. Everything else of a device is float32.
type DType int

// The element types that devices have.
const (
	Float32 DType = iota
	Float16
	BFloat16
)

// DTypes are all of them.
var DTypes = []DType{Float32, Float16, BFloat16}

// String returns the usual short name.
func (d DType) String() string { return [...]string{"fp32", "fp16", "bf16"}[d] }

// format returns the bits of the fraction and the smallest exponent of a 16-bit type.
func (d DType) format() (fraction, least int) {
	if d == Float16 {
		return 10, -14
	}
	return 7, -126
}

// Round returns v rounded to the type, to nearest, ties to even: NaN is kept as any NaN, and what is
// too large becomes infinite.
func (d DType) Round(v float32) float32 {
	if d == Float32 {
		return v
	}
	return d.Decode(d.Encode(v))
}

// Encode returns the bits of v in a 16-bit type. The value is a whole number of steps, and the steps
// from 0 up count the bit patterns: n steps of 2^(e-fraction) at exponent e.
func (d DType) Encode(v float32) uint16 {
	fraction, least := d.format()
	inf := uint16(0x7fff >> fraction << fraction)
	sign := uint16(0)
	if math.Signbit(float64(v)) {
		sign = 1 << 15
	}
	switch a := math.Abs(float64(v)); {
	case a != a:
		return sign | inf | 1<<(fraction-1)
	case math.IsInf(a, 0):
		return sign | inf
	case a == 0:
		return sign
	default:
		_, e := math.Frexp(a) // a = [1/2, 1) * 2^e
		e = max(e-1, least)
		n := int(math.RoundToEven(math.Ldexp(a, fraction-e))) + (e-least)<<fraction
		return sign | uint16(min(n, int(inf)))
	}
}

// Decode returns the value of a bit pattern of a 16-bit type.
func (d DType) Decode(b uint16) float32 {
	fraction, least := d.format()
	e := int(b & 0x7fff >> fraction)
	n := int(b & (1<<fraction - 1))
	v := math.Ldexp(float64(n), least-fraction)
	switch {
	case e == 0x7fff>>fraction && n != 0:
		v = math.NaN()
	case e == 0x7fff>>fraction:
		v = math.Inf(1)
	case e > 0:
		v = math.Ldexp(float64(n+1<<fraction), least-fraction+e-1)
	}
	if b>>15 != 0 {
		v = -v
	}
	return float32(v)
}
