package model

import "golang.org/x/sys/cpu"

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg model

// haveSIMD tells whether this processor runs the assembly.
var haveSIMD = cpu.X86.HasAVX2 && cpu.X86.HasFMA

// haveWide is haveSIMD for AVX-512.
var haveWide = haveSIMD && cpu.X86.HasAVX512F && cpu.X86.HasAVX512DQ && cpu.X86.HasAVX512VL

// The callers have checked the lengths.

func siluSIMD(dst, src []float32, scale, shift float32) {
	if wide && len(src) > 0 {
		siluAVX512(len(src), &dst[0], &src[0], scale, shift)
	} else if len(src) > 0 {
		siluAVX2(len(src), &dst[0], &src[0], scale, shift)
	}
}

func affineSIMD(dst, src []float32, scale, shift float32) {
	if len(src) > 0 {
		affineAVX2(len(src), &dst[0], &src[0], scale, shift)
	}
}

func sumSIMD(dst, a, b []float32) {
	if len(a) > 0 {
		sumAVX2(len(a), &dst[0], &a[0], &b[0])
	}
}

func momentLanesSIMD(sums *[2 * momentLanes]float64, x []float32) {
	if len(x) > 0 {
		momentLanesAVX2(len(x), &x[0], &sums[0])
	}
}

func geluSIMD(dst, src []float32, scale, shift float32) {
	if n := len(src) &^ 15; wide && n > 0 {
		geluAVX512(n, &dst[0], &src[0], scale, shift)
		dst, src = dst[n:], src[n:]
	}
	if len(src) > 0 {
		geluAVX2(len(src), &dst[0], &src[0], scale, shift)
	}
}

func gegluSIMD(dst, x, gate []float32) {
	if n := len(x) &^ 15; wide && n > 0 {
		gegluAVX512(n, &dst[0], &x[0], &gate[0])
		dst, x, gate = dst[n:], x[n:], gate[n:]
	}
	if len(x) > 0 {
		gegluAVX2(len(x), &dst[0], &x[0], &gate[0])
	}
}

func pixelMomentsSIMD(sum, sq []float64, x []float32, channels, stride int) {
	if n := len(sum) &^ 31; wide && n > 0 {
		pixelMomentsAVX512(n, &sum[0], &sq[0], &x[0], channels, stride)
		sum, sq, x = sum[n:], sq[n:], x[n:]
	}
	if len(sum) > 0 {
		pixelMomentsAVX2(len(sum), &sum[0], &sq[0], &x[0], channels, stride)
	}
}

func normaliseSIMD(y, x []float32, mean, rstd []float64, gamma, beta float64) {
	if wide && len(x) > 0 {
		normaliseAVX512(len(x), &y[0], &x[0], &mean[0], &rstd[0], gamma, beta)
	} else if len(x) > 0 {
		normaliseAVX2(len(x), &y[0], &x[0], &mean[0], &rstd[0], gamma, beta)
	}
}

func softmaxSIMD(s []float32, scale float32, state []float32) {
	if wide {
		softmaxAVX512(len(s)/lanes, &s[0], scale, &state[0])
	} else {
		softmaxAVX2(len(s)/lanes, &s[0], scale, &state[0])
	}
}

func mulBlockSIMD(rows, k int, dst, a, b []float32, rowStride, stride int, factor []float32) {
	var f *float32
	if factor != nil {
		f = &factor[0]
	}
	m := 0
	if wide {
		for ; m+8 <= rows; m += 8 {
			mulBlockAVX512x8(k, &dst[m*lanes], &a[m*rowStride], &b[0], rowStride, stride, f)
		}
	}
	for ; m+4 <= rows; m += 4 {
		mulBlockAVX2x4(k, &dst[m*lanes], &a[m*rowStride], &b[0], rowStride, stride, f)
	}
	for ; m < rows; m++ {
		mulBlockAVX2x1(k, &dst[m*lanes], &a[m*rowStride], &b[0], rowStride, stride, f)
	}
}

// mulPairSIMD is mulPair for a multiple of pairRows.
func mulPairSIMD(rows, k int, dst [2][]float32, a []float32, b [2][]float32, rowStride, stride int, factor [2][]float32) {
	var f [2]*float32
	if factor[0] != nil {
		f = [2]*float32{&factor[0][0], &factor[1][0]}
	}
	for m := 0; m < rows; m += pairRows {
		mulPairAVX512x8(k, &dst[0][m*lanes], &dst[1][m*lanes], &a[m*rowStride], &b[0][0], &b[1][0],
			rowStride, stride, f[0], f[1])
	}
}

// scaleRowsSIMD is scaleRows for whole rows.
func scaleRowsSIMD(dst []float32, ldd int, src, f []float32, rows int) {
	if wide {
		scaleRowsAVX512(rows, &dst[0], ldd, &src[0], &f[0])
	} else {
		scaleRowsAVX2(rows, &dst[0], ldd, &src[0], &f[0])
	}
}
