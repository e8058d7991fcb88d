package gemm

// kernelGeneric is microKernel in Go. It walks the tile in strips of one row by four columns,
// whose sums stay in registers; longer strips spill, because the compiler hoists the products.
func kernelGeneric(rows, k int, a, b, c []float32, ldc int, load bool, bias []float32) {
	for r := range rows {
		for j := 0; j < tileN; j += 4 {
			strip(rows, j, a[r:], b[:k*tileN], (*[4]float32)(c[r*ldc+j:]), load)
		}
	}
	for r, v := range bias {
		row := c[r*ldc:][:tileN]
		for j := range row {
			row[j] += v
		}
	}
}

// strip adds a[0], a[lda], ... times columns j to j+3 of b to c, or replaces c without load. The
// explicit float32 conversions forbid fusing a product with its sum.
func strip(lda, j int, a, b []float32, c *[4]float32, load bool) {
	var s0, s1, s2, s3 float32
	if load {
		s0, s1, s2, s3 = c[0], c[1], c[2], c[3]
	}
	j &= tileN - 4 // no change; it tells the compiler that j+3 < tileN
	for at := 0; len(b) >= tileN && uint(at) < uint(len(a)); at += lda {
		x := a[at]
		s0 += float32(x * b[j])
		s1 += float32(x * b[j+1])
		s2 += float32(x * b[j+2])
		s3 += float32(x * b[j+3])
		b = b[tileN:]
	}
	*c = [4]float32{s0, s1, s2, s3}
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
