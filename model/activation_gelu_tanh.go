package model

// geluTanhMap is the GELU with a tanh in place of the error function (Hendrycks and Gimpel,
// "Gaussian Error Linear Units", 2016, arXiv:1606.08415, section 2), in float64, as
//
//	z * s(2u), u = sqrt(2/pi) * (z + 0.044715 z^3), s(v) = 1/(1 + exp(-v))
//
// so that the tail of a negative z keeps its relative precision.
func geluTanhMap(dst, src []float32, scale, shift float32) {
	const twice = 1.59576912160573071176 // 2 sqrt(2/pi)
	dst = dst[:len(src)]
	for i, x := range src {
		z := float64(float32(x*scale) + shift)
		u := float64(twice*z) * (1 + float64(0.044715*float64(z*z)))
		dst[i] = float32(z / (1 + exp64(-u)))
	}
}
