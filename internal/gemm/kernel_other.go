//go:build !amd64

package gemm

// haveSIMD tells whether this processor runs the assembly; there is none for this architecture.
const haveSIMD = false

func kernelSIMD(rows, k int, a, b, c []float32, ldc int, load bool, bias []float32) {
	kernelGeneric(rows, k, a, b, c, ldc, load, bias)
}

func packSIMD(dst, src []float32, offsets []int32, spans []span) {
	packGeneric(dst, src, offsets, spans)
}
