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

// affineMapGeneric is affineMap in Go.
func affineMapGeneric(dst, src []float32, scale, shift float32) {
	dst = dst[:len(src)]
	for i, x := range src {
		dst[i] = float32(x*scale) + shift
	}
}

// sumMapGeneric is sumMap in Go.
func sumMapGeneric(dst, a, b []float32) {
	dst, b = dst[:len(a)], b[:len(a)]
	for i, x := range a {
		dst[i] = x + b[i]
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
