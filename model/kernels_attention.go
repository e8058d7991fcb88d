package model

import "github.com/cudiffuse/cudiffuse/internal/fma"

// lanes is the width of the blocks in the attention kernels: one vector of 16 or two of 8.
const lanes = 16

// mulBlock is
//
//	dst[m][j] = factor[j]*dst[m][j] + sum over i of a[m*rowStride + i*stride] * b[i][j]
//
// for m < rows, i < k and j < lanes, added in the order of i with one rounding a term; dst and
// b are contiguous. Without factors it starts from zeros.
func mulBlock(rows, k int, dst, a, b []float32, rowStride, stride int, factor []float32) {
	if rows < 1 || k < 1 {
		return
	}
	// The assembly checks nothing.
	dst, b = dst[:rows*lanes], b[:k*lanes]
	a = a[:(rows-1)*rowStride+(k-1)*stride+1]
	if factor != nil {
		factor = factor[:lanes]
	}
	if simd {
		mulBlockSIMD(rows, k, dst, a, b, rowStride, stride, factor)
		return
	}
	mulBlockGeneric(rows, k, dst, a, b, rowStride, stride, factor)
}

// mulPair is mulBlock of one A for two blocks; both have factors or none has.
func mulPair(rows, k int, dst [2][]float32, a []float32, b [2][]float32, rowStride, stride int, factor [2][]float32) {
	done := 0
	if simd && wide && k > 0 && rows >= pairRows {
		done = rows / pairRows * pairRows
		for i := range dst { // the assembly checks nothing
			dst[i], b[i] = dst[i][:rows*lanes], b[i][:k*lanes]
			if factor[i] != nil {
				factor[i] = factor[i][:lanes]
			}
		}
		mulPairSIMD(done, k, dst, a[:(rows-1)*rowStride+(k-1)*stride+1], b, rowStride, stride, factor)
	}
	if done == rows {
		return
	}
	for i := range dst {
		mulBlock(rows-done, k, dst[i][done*lanes:], a[done*rowStride:], b[i], rowStride, stride, factor[i])
	}
}

// pairRows is how many rows the assembly of mulPair makes at once.
const pairRows = 8

// softmaxState is what a softmax that takes its scores tile by tile keeps of those before:
// for each of the lanes, the greatest score, the sum of e^(scale*(score - greatest)), and
// the factor that a sum with the previous greatest score has to be multiplied by.
type softmaxState [3 * lanes]float32

func (s *softmaxState) top() []float32    { return s[:lanes] }
func (s *softmaxState) sum() []float32    { return s[lanes : 2*lanes] }
func (s *softmaxState) factor() []float32 { return s[2*lanes:] }

// reset prepares the first tile.
func (s *softmaxState) reset() {
	*s = softmaxState{}
	for j := range s.top() {
		s[j] = minusInf
	}
}

// softmaxTile replaces a tile of scores, [n, lanes], by e^(scale*(score - greatest)) and
// brings the state up to date (Milakov and Gimelshein, "Online normalizer calculation for
// softmax", 2018, algorithm 3).
func softmaxTile(s []float32, scale float32, state *softmaxState) {
	if len(s) < lanes {
		return
	}
	if simd {
		softmaxSIMD(s, scale, state[:])
		return
	}
	softmaxTileGeneric(s, scale, state[:])
}

// softmaxTileGeneric is softmaxTile in Go. A lane with nothing but -Inf so far is NaN.
func softmaxTileGeneric(s []float32, scale float32, state []float32) {
	top, sum, factor := state[:lanes], state[lanes:2*lanes], state[2*lanes:3*lanes]
	copy(factor, top)
	for i := 0; i+lanes <= len(s); i += lanes {
		for j, v := range s[i : i+lanes] {
			if v > top[j] {
				top[j] = v
			}
		}
	}
	for j, old := range factor {
		factor[j] = expBelow(old, top[j], scale)
	}
	var part [lanes]float32
	for i := 0; i+lanes <= len(s); i += lanes {
		row := s[i : i+lanes]
		for j, v := range row {
			row[j] = expBelow(v, top[j], scale)
			part[j] += row[j]
		}
	}
	for j, p := range part {
		sum[j] = float32(sum[j]*factor[j]) + p
	}
}

// scaleRows is dst[m*ldd+j] = src[m*lanes+j] * f[j] for m < rows and j < n, n being lanes at most.
func scaleRows(dst []float32, ldd int, src, f []float32, rows, n int) {
	if rows < 1 || n < 1 {
		return
	}
	dst, src, f = dst[:(rows-1)*ldd+n], src[:rows*lanes], f[:lanes] // the assembly checks nothing
	if simd && n == lanes {
		scaleRowsSIMD(dst, ldd, src, f, rows)
		return
	}
	for m := range rows {
		x := src[m*lanes:][:n]
		for j := range dst[m*ldd:][:n] {
			dst[m*ldd+j] = x[j] * f[j]
		}
	}
}

// expBelow is e^(scale*(v - top)), with at least -87 for the exponent.
func expBelow(v, top, scale float32) float32 {
	v = float32(float32(v-top) * scale)
	if v < -87 {
		v = -87
	}
	return expWithin(v)
}

// mulBlockGeneric is mulBlock in Go: one row by four columns in registers.
func mulBlockGeneric(rows, k int, dst, a, b []float32, rowStride, stride int, factor []float32) {
	for m := range rows {
		row := a[m*rowStride:]
		for j := 0; j < lanes; j += 4 {
			d := dst[m*lanes+j : m*lanes+j+4]
			var s0, s1, s2, s3 float32
			if factor != nil {
				f := factor[j : j+4]
				s0, s1 = float32(d[0]*f[0]), float32(d[1]*f[1])
				s2, s3 = float32(d[2]*f[2]), float32(d[3]*f[3])
			}
			for i := range k {
				x, v := row[i*stride], b[i*lanes+j:i*lanes+j+4:i*lanes+j+4]
				s0, s1 = fma.Float32(x, v[0], s0), fma.Float32(x, v[1], s1)
				s2, s3 = fma.Float32(x, v[2], s2), fma.Float32(x, v[3], s3)
			}
			d[0], d[1], d[2], d[3] = s0, s1, s2, s3
		}
	}
}
