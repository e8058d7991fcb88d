package model

import "golang.org/x/sys/cpu"

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg model

// haveSIMD tells whether this processor runs the assembly.
var haveSIMD = cpu.X86.HasAVX2

// The callers have checked the lengths.

func siluSIMD(dst, src []float32, scale, shift float32) {
	if len(src) > 0 {
		siluAVX2(len(src), &dst[0], &src[0], scale, shift)
	}
}

func geluSIMD(dst, src []float32, scale, shift float32) {
	if len(src) > 0 {
		geluAVX2(len(src), &dst[0], &src[0], scale, shift)
	}
}

func gegluSIMD(dst, x, gate []float32) {
	if len(x) > 0 {
		gegluAVX2(len(x), &dst[0], &x[0], &gate[0])
	}
}

func addMomentsSIMD(sum, sq []float64, x []float32) {
	if len(x) > 0 {
		addMomentsAVX2(len(x), &sum[0], &sq[0], &x[0])
	}
}

func normaliseSIMD(y, x []float32, mean, rstd []float64, gamma, beta float64) {
	if len(x) > 0 {
		normaliseAVX2(len(x), &y[0], &x[0], &mean[0], &rstd[0], gamma, beta)
	}
}

func softmaxSIMD(s []float32, scale float32) { softmaxAVX2(len(s)/lanes, &s[0], scale) }

func mulBlockSIMD(rows, k int, dst, a, b []float32, rowStride, stride int) {
	m := 0
	for ; m+4 <= rows; m += 4 {
		mulBlock4(k, &dst[m*lanes], &a[m*rowStride], &b[0], rowStride, stride)
	}
	for ; m < rows; m++ {
		mulBlock1(k, &dst[m*lanes], &a[m*rowStride], &b[0], rowStride, stride)
	}
}
