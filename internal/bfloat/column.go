package bfloat

import "github.com/cudiffuse/cudiffuse/internal/half"

// The layouts of products outside the layers, such as attention's.
const (
	Side  = side  // rows and columns of a tile of sums
	Depth = depth // products of a block
	Tile  = tile  // values of a tile of A or B
)

// Blocks is how many tiles sums of k products take.
func Blocks(k int) int { return blocks(k) }

// Column writes A*B to c, or adds it there: A has rows of kb tiles, which begin stride values apart, B a column of kb tiles,
// and c a tile of [Side][Side] sums for each row of A.
func Column(rows, kb int, a []uint16, stride int, b []uint16, c []float32, add bool) {
	if rows < 1 {
		return
	}
	// The assembly checks nothing.
	a, b, c = a[:(rows-1)*stride+kb*tile], b[:kb*tile], c[:rows*side*side]
	if simd == amx {
		columnAMX(rows, kb, a, stride, b, c, add)
		return
	}
	if !add {
		clear(c)
	}
	for i := range rows {
		productTile(simd, kb, a[i*stride:], b, c[i*side*side:], side)
	}
}

// RoundRows rounds rows of n values, lds apart, to dst, where they are ldd apart.
func RoundRows(dst []uint16, ldd int, src []float32, lds, rows, n int) {
	roundRows(simd, dst, ldd, src, lds, rows, n)
}

// Weave rounds rows of Side values and makes tiles of B of them, whose places are the rows; places past the last row, up to
// a whole tile, are 0.
func Weave(dst []uint16, src []float32, rows int) {
	dst, src = dst[:blocks(rows)*tile], src[:rows*side]
	clear(dst[rows/2*depth:])
	done := 0
	if simd >= avx512 && rows >= 2 {
		weaveSIMD(dst, src, rows/2)
		done = rows &^ 1
	}
	for r := done; r < rows; r++ {
		for j, v := range src[r*side:][:side] {
			dst[r/2*depth+2*j+r%2] = half.BFloat16(v)
		}
	}
}

// Transpose rounds k rows of n <= Side values, ldx apart, and makes a row of tiles of A of them, whose places are the
// rows; what is not given is 0.
func Transpose(dst []uint16, src []float32, ldx, k, n int) {
	dst = dst[:blocks(k)*tile]
	clear(dst)
	for i := range k {
		d := dst[i/depth*tile+i%depth:]
		for j, v := range src[i*ldx:][:n] {
			d[j*depth] = half.BFloat16(v)
		}
	}
}
