//go:build !amd64

package gemm

// best is the level of this processor; there is no assembly for this architecture.
const best = generic

func kernelSIMD(_ level, rows, cols, k int, a, b, c []float32, ldc int, load bool, bias []float32) {
	kernelGeneric(rows, cols, k, a, b, c, ldc, load, bias)
}

func gatherAVX512(dst []float32, ldb int, src []float32, offsets []int32, spans []span) {
	gatherGeneric(dst, ldb, src, offsets, spans)
}

func gatherAVX2(dst, src []float32, offsets []int32, spans []span) {
	gatherGeneric(dst, lanes, src, offsets, spans)
}

func move5(*float32, int, *float32, int, int, int) {}

func few5(*float32, int, *float32, int, *int32, int, *float32, int, int, int, *float32) {}
