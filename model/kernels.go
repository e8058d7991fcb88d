package model

import "os"

// simd tells whether the assembly is used. Tests switch it; nothing else does after
// start-up. CUDIFFUSE_CPU=generic in the environment turns it off. The results are the
// same.
var simd = haveSIMD && os.Getenv("CUDIFFUSE_CPU") != "generic"

// lanes is the width of the blocks in the attention kernels: two vectors of 8.
const lanes = 16

// siluMap is z / (1 + exp(-z)), z = x*scale + shift.
func siluMap(dst, src []float32, scale, shift float32) {
	dst = dst[:len(src)]
	n := 0
	if simd {
		n = len(src) &^ 7
		siluSIMD(dst[:n], src[:n], scale, shift)
	}
	siluMapGeneric(dst[n:], src[n:], scale, shift)
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

// mulBlock is dst[m][j] = sum over i of a[m*rowStride + i*stride] * b[i][j], for m < rows,
// i < k and j < lanes, added in the order of i; dst and b are contiguous.
func mulBlock(rows, k int, dst, a, b []float32, rowStride, stride int) {
	if rows < 1 || k < 1 {
		return
	}
	// The assembly checks nothing.
	dst, b = dst[:rows*lanes], b[:k*lanes]
	a = a[:(rows-1)*rowStride+(k-1)*stride+1]
	if simd {
		mulBlockSIMD(rows, k, dst, a, b, rowStride, stride)
		return
	}
	mulBlockGeneric(rows, k, dst, a, b, rowStride, stride)
}

// softmaxBlock is the softmax of scale*s over the rows of s, [n, lanes], each column by
// itself.
func softmaxBlock(s []float32, scale float32) {
	if len(s) < lanes {
		return
	}
	if simd {
		softmaxSIMD(s, scale)
		return
	}
	softmaxGeneric(s, scale)
}
