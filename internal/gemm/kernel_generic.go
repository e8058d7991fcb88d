package gemm

// kernelGeneric is microKernel in Go. It walks the tile in blocks of 2x4 sums, which stay in
// registers. The explicit float32 conversions forbid fusing a product with its sum.
func kernelGeneric(rows, k int, a, b, c []float32, ldc int, load bool, bias []float32) {
	r := 0
	for ; r+2 <= rows; r += 2 {
		for j := 0; j < tileN; j += 4 {
			block2x4(rows, k, a[r:], b[j:], c[r*ldc+j:], c[(r+1)*ldc+j:], load)
		}
	}
	if r < rows {
		for j := 0; j < tileN; j += 4 {
			block1x4(rows, k, a[r:], b[j:], c[r*ldc+j:], load)
		}
	}
	for r, v := range bias {
		for j := range c[r*ldc:][:tileN] {
			c[r*ldc+j] += v
		}
	}
}

// block2x4 is two rows, at c0 and c1, by four columns of microKernel without the bias.
func block2x4(lda, k int, a, b, c0, c1 []float32, load bool) {
	var s00, s01, s02, s03, s10, s11, s12, s13 float32
	c0, c1 = c0[:4], c1[:4]
	if load {
		s00, s01, s02, s03 = c0[0], c0[1], c0[2], c0[3]
		s10, s11, s12, s13 = c1[0], c1[1], c1[2], c1[3]
	}
	for range k - 1 {
		x, y := (*[2]float32)(a), (*[4]float32)(b)
		x0, x1 := x[0], x[1]
		y0, y1, y2, y3 := y[0], y[1], y[2], y[3]
		s00 += float32(x0 * y0)
		s01 += float32(x0 * y1)
		s02 += float32(x0 * y2)
		s03 += float32(x0 * y3)
		s10 += float32(x1 * y0)
		s11 += float32(x1 * y1)
		s12 += float32(x1 * y2)
		s13 += float32(x1 * y3)
		a, b = a[lda:], b[tileN:]
	}
	x, y := (*[2]float32)(a), (*[4]float32)(b) // the last one, after which a and b end
	c0[0] = s00 + float32(x[0]*y[0])
	c0[1] = s01 + float32(x[0]*y[1])
	c0[2] = s02 + float32(x[0]*y[2])
	c0[3] = s03 + float32(x[0]*y[3])
	c1[0] = s10 + float32(x[1]*y[0])
	c1[1] = s11 + float32(x[1]*y[1])
	c1[2] = s12 + float32(x[1]*y[2])
	c1[3] = s13 + float32(x[1]*y[3])
}

// block1x4 is one row by four columns.
func block1x4(lda, k int, a, b, c []float32, load bool) {
	var s0, s1, s2, s3 float32
	c = c[:4]
	if load {
		s0, s1, s2, s3 = c[0], c[1], c[2], c[3]
	}
	for p := range k {
		x, y := a[p*lda], (*[4]float32)(b[p*tileN:])
		s0 += float32(x * y[0])
		s1 += float32(x * y[1])
		s2 += float32(x * y[2])
		s3 += float32(x * y[3])
	}
	c[0], c[1], c[2], c[3] = s0, s1, s2, s3
}

// packGeneric is packTile in Go.
func packGeneric(dst, src []float32, offsets []int32, spans []span) {
	for _, s := range spans {
		for k, off := range offsets {
			at := s.src + int(off)
			d := dst[k*tileN+s.col:][:s.n]
			for i, v := range src[at : at+s.n][:len(d)] {
				d[i] = v
			}
		}
	}
}
