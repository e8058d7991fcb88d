package gemm

import "github.com/cudiffuse/cudiffuse/internal/fma"

// kernelGeneric is microKernel in Go. It walks the tile in strips of one row by four columns,
// whose sums stay in registers.
func kernelGeneric(rows, cols, k int, a, b, c []float32, ldc int, load bool, bias []float32) {
	for r := range rows {
		for j := 0; j < cols; j += 4 {
			strip(rows, cols, a[r:], b[j:k*cols], (*[4]float32)(c[r*ldc+j:]), load)
		}
	}
	for r, v := range bias {
		row := c[r*ldc:][:cols]
		for j := range row {
			row[j] += v
		}
	}
}

// strip adds a[0], a[lda], ... times the first four columns of b to c, or replaces c without load.
func strip(lda, ldb int, a, b []float32, c *[4]float32, load bool) {
	var s0, s1, s2, s3 float32
	if load {
		s0, s1, s2, s3 = c[0], c[1], c[2], c[3]
	}
	for at := 0; at < len(a); at += lda {
		x, y := a[at], (*[4]float32)(b)
		s0 = fma.Float32(x, y[0], s0)
		s1 = fma.Float32(x, y[1], s1)
		s2 = fma.Float32(x, y[2], s2)
		s3 = fma.Float32(x, y[3], s3)
		b = b[min(ldb, len(b)):]
	}
	*c = [4]float32{s0, s1, s2, s3}
}

// gatherGeneric is gatherLanes in Go.
func gatherGeneric(dst []float32, ldb int, src []float32, offsets []int32, spans []span) {
	for _, s := range spans {
		for k, off := range offsets {
			at := s.src + int(off)
			d := dst[k*ldb+s.col:][:s.n]
			for i, v := range src[at : at+s.n][:len(d)] {
				d[i] = v
			}
		}
	}
}
