package gemm

import "os"

// simd tells whether the assembly is used. Tests switch it; nothing else does after start-up.
var simd = haveSIMD && os.Getenv("CUDIFFUSE_CPU") != "generic"

// Implementation names the micro-kernel in use: "avx2" or "generic". The results are the same.
// CUDIFFUSE_CPU=generic in the environment selects the generic one.
func Implementation() string {
	if simd {
		return "avx2"
	}
	return "generic"
}

// microKernel adds a panel of A times a tile of B to the rows x tileN tile of C:
//
//	c[r*ldc+j] = c0 + a[0*rows+r]*b[0*tileN+j] + ... + a[(k-1)*rows+r]*b[(k-1)*tileN+j] (+ bias[r])
//
// from left to right, c0 being c's old value with load and else 0. bias is nil or has rows values.
func microKernel(rows, k int, a, b, c []float32, ldc int, load bool, bias []float32) {
	// The assembly checks nothing.
	a, b, c = a[:rows*k], b[:tileN*k], c[:(rows-1)*ldc+tileN]
	if bias != nil {
		bias = bias[:rows]
	}
	if simd {
		kernelSIMD(rows, k, a, b, c, ldc, load, bias)
		return
	}
	kernelGeneric(rows, k, a, b, c, ldc, load, bias)
}

// span is up to 8 neighbouring columns of a tile whose pixels are neighbours in the source too.
type span struct {
	src int // index of the first one's pixel, to which the offset of each k is added
	col int // first column in the tile
	n   int // columns, 1 to 8
}

// spanMax is the longest span, an AVX2 register.
const spanMax = 8

// packTile gathers a tile of B: dst[k*tileN + s.col + i] = src[s.src + offsets[k] + i] for each
// span s and i < s.n. Spans are in column order and cover columns from 0 without a gap. Columns
// after the last span are left undefined, and so are the spanMax floats behind the tile, which
// dst must have. maxOffset is the largest offset.
func packTile(dst, src []float32, offsets []int32, maxOffset int, spans []span) {
	dst = dst[:len(offsets)*tileN+spanMax]
	if simd && spansInside(spans, maxOffset, len(src)) {
		packSIMD(dst, src, offsets, spans)
		return
	}
	packGeneric(dst, src, offsets, spans)
}

// spansInside tells whether whole registers may be read at every span and offset.
func spansInside(spans []span, maxOffset, n int) bool {
	for _, s := range spans {
		if s.src+maxOffset+spanMax > n {
			return false
		}
	}
	return true
}
