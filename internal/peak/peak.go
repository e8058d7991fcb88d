// Package peak has the loops that a processor's peak is measured with: fused products and sums in registers, and a copy.
package peak

import (
	"errors"
	"unsafe"
)

// Block is what the lengths of a copy are multiples of, in floats.
const Block = 64

// ErrUnsupported is returned where there is no loop for the level: "avx512", or "avx2" with FMA, are wanted.
var ErrUnsupported = errors.New("peak: neither AVX-512 nor AVX2 with FMA")

// Loops are those of a level of instructions.
type Loops struct {
	flops int64 // a turn
	fma   func(turns int, x *[2]float32, y *float32)
	move  func(dst, src *float32, n int)
}

// FMA does so many turns, at least 1, of products and sums, and returns the number of operations, two each. Any number
// of goroutines may call it.
func (l Loops) FMA(turns int) int64 {
	turns = max(turns, 1)
	x, y := [2]float32{0.75, 1.0 / 1024}, float32(0)
	l.fma(turns, &x, &y)
	return l.flops * int64(turns)
}

// Copy copies src, whose length is a multiple of [Block], to dst.
func (l Loops) Copy(dst, src []float32) {
	dst, n := dst[:len(src)], len(src)/Block*Block
	if n > 0 {
		l.move(unsafe.SliceData(dst), unsafe.SliceData(src), n)
	}
}
