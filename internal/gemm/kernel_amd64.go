package gemm

import "golang.org/x/sys/cpu"

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg gemm

// levels are those of this processor, the best one last.
var levels = detect()

func detect() []level {
	switch x := cpu.X86; {
	case !x.HasAVX2 || !x.HasFMA || !x.HasBMI2:
		return []level{generic}
	case x.HasAVX512F && x.HasAVX512BW && x.HasAVX512DQ && x.HasAVX512VL:
		return []level{generic, avx2, avx512}
	}
	return []level{generic, avx2}
}

// kernelFunc is microKernel in assembly for a fixed number of rows and columns.
type kernelFunc func(k int, a, b, c *float32, ldc int, load bool, bias *float32, ahead int)

// The kernels by rows-1.
var (
	kernels2 = [...]kernelFunc{kernel2x1, kernel2x2, kernel2x3, kernel2x4, kernel2x5, kernel2x6}
	narrow5  = [...]kernelFunc{
		narrow5x1, narrow5x2, narrow5x3, narrow5x4, narrow5x5, narrow5x6, narrow5x7,
		narrow5x8, narrow5x9, narrow5x10, narrow5x11, narrow5x12, narrow5x13, narrow5x14,
	}
	kernels5 = [...]kernelFunc{
		kernel5x1, kernel5x2, kernel5x3, kernel5x4, kernel5x5, kernel5x6, kernel5x7,
		kernel5x8, kernel5x9, kernel5x10, kernel5x11, kernel5x12, kernel5x13, kernel5x14,
	}
)

// gathers5 are gatherLanes by the number of spans less one.
var gathers5 = [...]func(dst *float32, ldb int, src *float32, offsets *int32, n int, spans *int){
	gather5x1, gather5x2, gather5x3, gather5x4, gather5x5, gather5x6, gather5x7, gather5x8,
}

// kernelSIMD is microKernel in assembly. The caller has checked the lengths.
func kernelSIMD(
	l level, rows, cols, k int, a, b, c []float32, ldc int, load bool, bias []float32, ahead int,
) {
	var bp *float32
	if bias != nil {
		bp = &bias[0]
	}
	switch {
	case l == avx2:
		kernels2[rows-1](k, &a[0], &b[0], &c[0], ldc, load, bp, ahead)
	case cols == lanes:
		narrow5[rows-1](k, &a[0], &b[0], &c[0], ldc, load, bp, ahead)
	default:
		kernels5[rows-1](k, &a[0], &b[0], &c[0], ldc, load, bp, ahead)
	}
}

// gatherAVX512 is gatherLanes in assembly. The caller has checked that every span lies within src.
func gatherAVX512(dst []float32, ldb int, src []float32, offsets []int32, spans []span) {
	if n := len(offsets); len(spans) <= len(gathers5) {
		gathers5[len(spans)-1](&dst[0], ldb, &src[0], &offsets[0], n, &spans[0].src)
	} else {
		gather5Any(&dst[0], ldb, &src[0], &offsets[0], n, &spans[0].src, len(spans))
	}
}

// gatherVectors is gatherLanes in assembly for ldb = lanes and spans of up to spanMax. The caller has
// checked that every vector lies within src.
func gatherVectors(dst, src []float32, offsets []int32, spans []span) {
	n := len(offsets)
	switch len(spans) {
	case 2:
		gather2x2(&dst[0], &src[0], &offsets[0], n, &spans[0].src)
	case 3:
		gather2x3(&dst[0], &src[0], &offsets[0], n, &spans[0].src)
	case 4:
		gather2x4(&dst[0], &src[0], &offsets[0], n, &spans[0].src)
	default:
		gather2Any(&dst[0], &src[0], &offsets[0], n, &spans[0].src, len(spans))
	}
}
