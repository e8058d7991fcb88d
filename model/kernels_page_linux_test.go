package model

import (
	"math/rand/v2"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// atPageEnd returns n normal numbers that end where the next page is forbidden, so that a read or
// write behind them kills the test.
func atPageEnd(t *testing.T, rng *rand.Rand, n int) []float32 {
	t.Helper()
	page := syscall.Getpagesize()
	size := (n*4 + page - 1) / page * page
	mem, err := syscall.Mmap(-1, 0, size+page, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(mem)) })
	require.NoError(t, syscall.Mprotect(mem[size:], syscall.PROT_NONE))
	floats := unsafe.Slice((*float32)(unsafe.Pointer(&mem[0])), (size+page)/4)[:size/4]
	out := floats[len(floats)-n:]
	normals(rng, out, 1)
	return out
}

// asFloat64 reads pairs of words as float64.
func asFloat64(v []float32) []float64 {
	return unsafe.Slice((*float64)(unsafe.Pointer(&v[0])), len(v)/2)
}

// TestKernelsStayInside runs the kernels with every operand at the end of its memory.
func TestKernelsStayInside(t *testing.T) {
	rng := rand.New(rand.NewPCG(13, 14))
	bothKernels(t, func(t *testing.T) {
		for n := 1; n < 68; n++ {
			src, gate, dst := atPageEnd(t, rng, n), atPageEnd(t, rng, n), atPageEnd(t, rng, n)
			siluMap(dst, src, 1, 0)
			affineMap(dst, src, 1, 0)
			sumMap(dst, src, gate)
			groupMoments(src)
			geluMap(dst, src, 1, 0)
			gegluMap(dst, src, gate)
			// Pairs of float32 hold the float64 operands; the pages are aligned.
			sum, sq := asFloat64(atPageEnd(t, rng, 2*n)), asFloat64(atPageEnd(t, rng, 2*n))
			pixelMoments(sum, sq, src, 1, 0)
			normalise(dst, src, sum, sq, 1, 0)

			// n rows of A, 3 apart; then n terms, and the results as scores.
			y, a := atPageEnd(t, rng, n*lanes), atPageEnd(t, rng, 3*(n-1)+1+2*2)
			factor := atPageEnd(t, rng, lanes)
			mulBlock(n, 3, y, a, atPageEnd(t, rng, 3*lanes), 3, 2, nil)
			mulBlock(n, 3, y, a, atPageEnd(t, rng, 3*lanes), 3, 2, factor)
			mulBlock(9, n, atPageEnd(t, rng, 9*lanes), atPageEnd(t, rng, 9*n), y, n, 1, factor)
			pair := [2][]float32{y, atPageEnd(t, rng, n*lanes)}
			mulPair(n, 3, pair, a, [2][]float32{atPageEnd(t, rng, 3*lanes), atPageEnd(t, rng, 3*lanes)}, 3, 2,
				[2][]float32{factor, atPageEnd(t, rng, lanes)})
			scaleRows(atPageEnd(t, rng, 5*(n-1)+lanes), 5, y, factor, n, lanes)
			if simd {
				softmaxSIMD(y, 0.3, atPageEnd(t, rng, 3*lanes))
			}
		}
	})
}
