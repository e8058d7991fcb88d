package model

import "os"

// simd tells whether the assembly is used, and wide whether that is of AVX-512 where there
// is some. Tests switch them; nothing else does after start-up. CUDIFFUSE_CPU=generic in the
// environment turns both off, CUDIFFUSE_CPU=avx2 the second. The results are the same.
var simd, wide = levels(os.Getenv("CUDIFFUSE_CPU"))

func levels(name string) (simd, wide bool) {
	simd = haveSIMD && name != "generic"
	return simd, simd && haveWide && name != "avx2"
}

// siluMap is z / (1 + exp(-z)), z = x*scale + shift.
func siluMap(dst, src []float32, scale, shift float32) {
	if simd {
		siluSIMD(dst[:len(src)], src, scale, shift)
		return
	}
	siluMapGeneric(dst, src, scale, shift)
}

// affineMap is x*scale + shift.
func affineMap(dst, src []float32, scale, shift float32) {
	if simd {
		affineSIMD(dst[:len(src)], src, scale, shift)
		return
	}
	affineMapGeneric(dst, src, scale, shift)
}

// sumMap is a + b.
func sumMap(dst, a, b []float32) {
	if simd {
		sumSIMD(dst[:len(a)], a, b[:len(a)])
		return
	}
	sumMapGeneric(dst, a, b)
}

// geluMap is z times the probability that a normal number is below z, z = x*scale + shift.
func geluMap(dst, src []float32, scale, shift float32) {
	dst = dst[:len(src)]
	n := 0
	if simd {
		n = len(src) &^ 7
		geluSIMD(dst[:n], src[:n], scale, shift)
	}
	geluMapGeneric(dst[n:], src[n:], scale, shift)
}

// gegluMap is x times the GELU of the gate.
func gegluMap(dst, x, gate []float32) {
	dst, gate = dst[:len(x)], gate[:len(x)]
	n := 0
	if simd {
		n = len(x) &^ 7
		gegluSIMD(dst[:n], x[:n], gate[:n])
	}
	gegluMapGeneric(dst[n:], x[n:], gate[n:])
}
