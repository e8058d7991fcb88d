package safetensors

import (
	"encoding/binary"
	"math"
)

var little = binary.LittleEndian

// toFloat32 is the conversion of a float type, nil for other types. len(src) is
// len(dst) times the size of the type, here and below.
func toFloat32(d DType) func(dst []float32, src []byte) error {
	switch d {
	case F32:
		return float32s
	case F16:
		return each(2, func(b []byte) float32 { return half(little.Uint16(b)) })
	case BF16:
		return each(2, func(b []byte) float32 { return brain(little.Uint16(b)) })
	case F64:
		return each(8, func(b []byte) float32 { return float32(math.Float64frombits(little.Uint64(b))) })
	}
	return nil
}

// toFloat64 is the conversion of a float type, nil for other types.
func toFloat64(d DType) func(dst []float64, src []byte) error {
	switch d {
	case F64:
		return each(8, func(b []byte) float64 { return math.Float64frombits(little.Uint64(b)) })
	case F32:
		return each(4, func(b []byte) float64 { return float64(math.Float32frombits(little.Uint32(b))) })
	case F16:
		return each(2, func(b []byte) float64 { return float64(half(little.Uint16(b))) })
	case BF16:
		return each(2, func(b []byte) float64 { return float64(brain(little.Uint16(b))) })
	}
	return nil
}

// toInt64 is the conversion of an integer type or BOOL, nil for other types.
func toInt64(d DType) func(dst []int64, src []byte) error {
	switch d {
	case I64:
		return each(8, func(b []byte) int64 { return int64(little.Uint64(b)) })
	case I32:
		return each(4, func(b []byte) int64 { return int64(int32(little.Uint32(b))) })
	case I16:
		return each(2, func(b []byte) int64 { return int64(int16(little.Uint16(b))) })
	case I8:
		return each(1, func(b []byte) int64 { return int64(int8(b[0])) })
	case U64:
		return uint64s
	case U32:
		return each(4, func(b []byte) int64 { return int64(little.Uint32(b)) })
	case U16:
		return each(2, func(b []byte) int64 { return int64(little.Uint16(b)) })
	case U8:
		return each(1, func(b []byte) int64 { return int64(b[0]) })
	case Bool:
		return bools
	}
	return nil
}

// each lifts the conversion of one element of size bytes to slices.
func each[T any](size int, one func(b []byte) T) func(dst []T, src []byte) error {
	return func(dst []T, src []byte) error {
		for i := range dst {
			dst[i] = one(src[i*size : (i+1)*size])
		}
		return nil
	}
}

// float32s is the common case without a call per element.
func float32s(dst []float32, src []byte) error {
	for i := range dst {
		dst[i] = math.Float32frombits(little.Uint32(src[4*i : 4*i+4]))
	}
	return nil
}

func uint64s(dst []int64, src []byte) error {
	for i := range dst {
		v := little.Uint64(src[8*i:])
		if v > math.MaxInt64 {
			return malformed("holds %d, which is beyond an int64", v)
		}
		dst[i] = int64(v)
	}
	return nil
}

func bools(dst []int64, src []byte) error {
	for i, b := range src {
		if b > 1 {
			return malformed("holds the byte %d, wanted 0 or 1 for a BOOL", b)
		}
		dst[i] = int64(b)
	}
	return nil
}

// half converts IEEE 754 binary16 (1 sign, 5 exponent, 10 fraction bits; bias 15) to
// binary32 (1, 8, 23; bias 127), exactly. Fractions keep their place from the top, so
// NaN payloads survive.
func half(h uint16) float32 {
	sign := uint32(h>>15) << 31
	exp := uint32(h>>10) & 0x1f
	frac := uint32(h) & 0x3ff
	switch exp {
	case 0: // zero and subnormal: frac * 2^-24, exact as a product of a small integer
		return math.Float32frombits(sign | math.Float32bits(float32(frac)*0x1p-24))
	case 0x1f: // infinity and NaN
		return math.Float32frombits(sign | 0xff<<23 | frac<<13)
	}
	return math.Float32frombits(sign | (exp+127-15)<<23 | frac<<13)
}

// brain converts bfloat16, which is the upper half of a binary32.
func brain(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }
