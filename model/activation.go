package model

// actFunc is y = act(x*scale + shift) over a slice; dst and src may be the same.
type actFunc func(dst, src []float32, scale, shift float32)

// actFuncOf returns the loop of an activation.
func actFuncOf(a Activation) actFunc {
	switch a {
	case SiLU:
		return siluMap
	case Mish:
		return mishMap
	case GELU:
		return geluMap
	case ReLU:
		return reluMap
	case QuickGELU:
		return quickGELUMap
	case Tanh:
		return tanhMap
	case GELUTanh:
		return geluTanhMap
	}
	return affineMap
}

func reluMap(dst, src []float32, scale, shift float32) {
	dst = dst[:len(src)]
	for i, x := range src {
		z := float32(x*scale) + shift
		if z < 0 { // false for NaN, which stays
			z = 0
		}
		dst[i] = z
	}
}

// mishMap uses tanh(ln(1+e)) = (e^2 + 2e) / (e^2 + 2e + 2) with e = exp(z), in
// float64; above 20 the factor is 1 to 17 digits.
func mishMap(dst, src []float32, scale, shift float32) {
	dst = dst[:len(src)]
	for i, x := range src {
		z := float32(x*scale) + shift
		if z > 20 {
			dst[i] = z
			continue
		}
		e := exp64(float64(z))
		m := float64(e * (e + 2))
		dst[i] = float32(float64(z) * (m / (m + 2)))
	}
}
