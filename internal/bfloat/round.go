package bfloat

import (
	"math"

	"github.com/cudiffuse/cudiffuse/internal/half"
)

// widen is the value of a bfloat16, a denormal one's a zero.
func widen(b uint16) float32 { return flush(half.BFloat16ToFloat32(b)) }

// flush makes a denormal value a zero of its sign.
func flush(v float32) float32 {
	b := math.Float32bits(v)
	if b&0x7f800000 == 0 {
		return math.Float32frombits(b & 0x80000000)
	}
	return v
}

// roundRows rounds rows of n values, lds apart, to dst, where they are ldd apart.
func roundRows(l level, dst []uint16, ldd int, src []float32, lds, rows, n int) {
	if rows == 0 || n == 0 {
		return
	}
	dst, src = dst[:(rows-1)*ldd+n], src[:(rows-1)*lds+n]
	if l >= avx512 {
		roundSIMD(dst, ldd, src, lds, rows, n)
		return
	}
	for r := range rows {
		d := dst[r*ldd:][:n]
		for i, v := range src[r*lds:][:n] {
			d[i] = half.BFloat16(v)
		}
	}
}
