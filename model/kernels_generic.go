package model

import "math"

// siluMapGeneric is siluMap in Go. The argument of the exponential is held within
// -87..88: beyond that the result is z or 0 within 1e-35 anyway.
func siluMapGeneric(dst, src []float32, scale, shift float32) {
	dst = dst[:len(src)]
	for i, x := range src {
		z := float32(x*scale) + shift
		v := -z
		if v > 88 {
			v = 88
		}
		if v < -87 {
			v = -87
		}
		dst[i] = z / (1 + expWithin(v))
	}
}

// expWithin is e^v for v within -87..88, within 1.1 ulp; NaN stays NaN:
//
//	n = round(v / ln 2), r = v - n ln 2, e^v = 2^n * (1 + r + r^2 * polynomial(r))
func expWithin(v float32) float32 {
	t := float32(v*log2e32) + round32
	n := t - round32
	r := float32(v-float32(n*ln2Hi32)) - float32(n*ln2Lo32)
	p := float32(exp32C4*r) + exp32C3
	p = float32(p*r) + exp32C2
	p = float32(p*r) + exp32C1
	p = float32(p*r) + exp32C0
	p = float32(float32(p*float32(r*r))+r) + 1
	// t holds 1.5*2^23 + n, so its low bits are n.
	return p * math.Float32frombits((math.Float32bits(t)+127)<<23)
}

// softmaxGeneric is softmaxBlock in Go. The sums are in float64.
func softmaxGeneric(s []float32, scale float32) {
	var top [lanes]float32
	var sum [lanes]float64
	copy(top[:], s)
	for i := 0; i+lanes <= len(s); i += lanes {
		for j, v := range s[i : i+lanes] {
			if v > top[j] {
				top[j] = v
			}
		}
	}
	for i := 0; i+lanes <= len(s); i += lanes {
		row := s[i : i+lanes]
		for j, v := range row {
			v = float32(float32(v-top[j]) * scale)
			if v < -87 {
				v = -87
			}
			row[j] = expWithin(v)
			sum[j] += float64(row[j])
		}
	}
	for j, x := range sum {
		top[j] = float32(1 / x)
	}
	for i := 0; i+lanes <= len(s); i += lanes {
		row := s[i : i+lanes]
		for j := range row {
			row[j] *= top[j]
		}
	}
}

// mulBlockGeneric is mulBlock in Go: one row by four columns in registers.
func mulBlockGeneric(rows, k int, dst, a, b []float32, rowStride, stride int) {
	for m := range rows {
		row := a[m*rowStride:]
		for j := 0; j < lanes; j += 4 {
			var s0, s1, s2, s3 float32
			for i := range k {
				x, v := row[i*stride], b[i*lanes+j:i*lanes+j+4:i*lanes+j+4]
				s0 += float32(x * v[0])
				s1 += float32(x * v[1])
				s2 += float32(x * v[2])
				s3 += float32(x * v[3])
			}
			d := dst[m*lanes+j : m*lanes+j+4]
			d[0], d[1], d[2], d[3] = s0, s1, s2, s3
		}
	}
}
