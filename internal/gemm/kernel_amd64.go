package gemm

import "golang.org/x/sys/cpu"

//go:generate go run -C gen . -out ../kernels_amd64.s -stubs ../kernels_amd64.go -pkg gemm

// haveSIMD tells whether this processor runs the assembly.
var haveSIMD = cpu.X86.HasAVX2

// kernelSIMD is microKernel in assembly. The caller has checked the lengths.
func kernelSIMD(rows, k int, a, b, c []float32, ldc int, load bool, bias []float32) {
	var bp *float32
	if bias != nil {
		bp = &bias[0]
	}
	switch rows {
	case 1:
		kernel1(k, &a[0], &b[0], &c[0], ldc, load, bp)
	case 2:
		kernel2(k, &a[0], &b[0], &c[0], ldc, load, bp)
	case 3:
		kernel3(k, &a[0], &b[0], &c[0], ldc, load, bp)
	case 4:
		kernel4(k, &a[0], &b[0], &c[0], ldc, load, bp)
	case 5:
		kernel5(k, &a[0], &b[0], &c[0], ldc, load, bp)
	case 6:
		kernel6(k, &a[0], &b[0], &c[0], ldc, load, bp)
	default:
		panic("gemm: panel of more than tileM rows")
	}
}

// packSIMD is packTile in assembly. The caller has checked that every vector lies within src.
func packSIMD(dst, src []float32, offsets []int32, spans []span) {
	n := len(offsets)
	switch len(spans) {
	case 2:
		pack2(&dst[0], &src[0], &offsets[0], n, &spans[0].src)
	case 3:
		pack3(&dst[0], &src[0], &offsets[0], n, &spans[0].src)
	case 4:
		pack4(&dst[0], &src[0], &offsets[0], n, &spans[0].src)
	default:
		packAny(&dst[0], &src[0], &offsets[0], n, &spans[0].src, len(spans))
	}
}
