package gemm

//go:generate go run ./neongen

// lanes is the unit of columns: one register of AVX-512, two of AVX2, four of NEON.
const lanes = 16

// microKernel adds a panel of A times a tile of B to the rows x cols tile of C:
//
//	c[r*ldc+j] = fma(a[(k-1)*rows+r], b[(k-1)*cols+j], ... fma(a[r], b[j], c0)) (+ bias[r])
//
// c0 being c's old value with load and else 0. cols is lanes or the level's tile width. bias is
// nil or has rows values.
func microKernel(
	l level, rows, cols, k int, a, b, c []float32, ldc int, load bool, bias []float32,
) {
	microKernelAhead(l, rows, cols, k, a, b, c, ldc, load, bias, aheadPanels)
}

// aheadPanels is how many floats behind a, some panels, will be needed soon where panels follow one another.
const aheadPanels = 4096

// microKernelAhead is microKernel, and brings what lies so many floats behind a into a second-level cache.
func microKernelAhead(
	l level, rows, cols, k int, a, b, c []float32, ldc int, load bool, bias []float32, ahead int,
) {
	// The assembly checks nothing.
	a, b, c = a[:rows*k], b[:cols*k], c[:(rows-1)*ldc+cols]
	if bias != nil {
		bias = bias[:rows]
	}
	if l == generic {
		kernelGeneric(rows, cols, k, a, b, c, ldc, load, bias)
		return
	}
	kernelSIMD(l, rows, cols, k, a, b, c, ldc, load, bias, ahead)
}

// span is neighbouring columns of a group of lanes whose pixels are neighbours in the source too.
type span struct {
	src int // index of the first one's pixel, to which the offset of each k is added
	col int // first column in the group
	n   int // columns
}

// spanMax is the longest span that every level takes: a register of AVX2, two of NEON.
const spanMax = 8

// gatherLanes gathers a group of columns of B: dst[k*ldb + s.col + i] = src[s.src + offsets[k] + i]
// for each span s and i < s.n. Spans are in column order and cover columns from 0 without a gap.
// Columns after the last span are left undefined, up to lanes and, except for AVX-512, up to
// spanMax floats more, which dst must have. maxOffset is the largest offset.
func gatherLanes(
	l level, dst []float32, ldb int, src []float32, offsets []int32, maxOffset int, spans []span,
) {
	dst = dst[:(len(offsets)-1)*ldb+lanes]
	last := spans[len(spans)-1]
	switch {
	case l == avx512: // reads nothing but the spans
		_ = src[last.src+maxOffset+last.n-1]
		gatherAVX512(dst, ldb, src, offsets, spans)
	case l != generic && ldb == lanes && spansInside(spans, maxOffset, len(src)):
		gatherVectors(dst[:len(offsets)*lanes+spanMax], src, offsets, spans)
	default:
		gatherGeneric(dst, ldb, src, offsets, spans)
	}
}

// gatherRun gathers whole tiles of B whose columns are neighbours in the source:
//
//	dst[t*len(offsets)*cols + k*cols + i] = src[offsets[k] + t*cols + i]
//
// for t < tiles and i < cols, which is the level's tile width.
func gatherRun(l level, dst, src []float32, offsets []int32, maxOffset, cols, tiles int) {
	size := len(offsets) * cols
	dst, src = dst[:tiles*size], src[:maxOffset+tiles*cols]
	switch l {
	case avx512:
		gatherRun5(&dst[0], size, &src[0], &offsets[0], len(offsets), tiles)
		return
	case avx2:
		gatherRun2(&dst[0], size, &src[0], &offsets[0], len(offsets), tiles)
		return
	}
	for k, off := range offsets {
		for t := range tiles {
			copy(dst[t*size+k*cols:][:cols], src[int(off)+t*cols:])
		}
	}
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

// MoveRows copies rows of n floats, n <= 32, from src to dst, for rows > 0; the rows are lds and ldd apart.
func MoveRows(dst []float32, ldd int, src []float32, lds, rows, n int) {
	moveRows(simd, dst, ldd, src, lds, rows, n)
}

// moveRows copies rows of n floats, n <= maxTileN, from src to dst; the rows are lds and ldd apart.
func moveRows(l level, dst []float32, ldd int, src []float32, lds, rows, n int) {
	dst, src = dst[:(rows-1)*ldd+n], src[:(rows-1)*lds+n]
	if l == avx512 {
		move5(&dst[0], ldd, &src[0], lds, rows, n)
		return
	}
	for i := range rows {
		copy(dst[i*ldd:][:n], src[i*lds:])
	}
}

// sumRows is dst = a + b for rows of n floats, n <= maxTileN, which are ldd, lda and ldb apart; with
// ldb 0 it is the same row of b every time. dst may be a or b.
func sumRows(l level, dst []float32, ldd int, a []float32, lda int, b []float32, ldb, rows, n int) {
	// The assembly checks nothing.
	dst, a, b = dst[:(rows-1)*ldd+n], a[:(rows-1)*lda+n], b[:(rows-1)*ldb+n]
	switch {
	case l == avx512:
		sum5(&dst[0], ldd, &a[0], lda, &b[0], ldb, rows, n)
		return
	case l == avx2 && (n == 8 || n == 16):
		sum2(&dst[0], ldd, &a[0], lda, &b[0], ldb, rows, n)
		return
	}
	for i := range rows {
		x, y := a[i*lda:][:n], b[i*ldb:][:n]
		for j := range dst[i*ldd:][:n] {
			dst[i*ldd+j] = x[j] + y[j]
		}
	}
}
