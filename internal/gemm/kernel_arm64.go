package gemm

// levels are those of every arm64 processor, the best one last.
var levels = []level{generic, neon}

// kernelsNEON are microKernel by rows-1.
var kernelsNEON = [...]func(k int, a, b, c *float32, ldc int, load bool, bias *float32){
	kernelNEONx1, kernelNEONx2, kernelNEONx3, kernelNEONx4, kernelNEONx5, kernelNEONx6,
}

// kernelSIMD is microKernel in assembly. The caller has checked the lengths.
func kernelSIMD(
	_ level, rows, _, k int, a, b, c []float32, ldc int, load bool, bias []float32, _ int,
) {
	var bp *float32
	if bias != nil {
		bp = &bias[0]
	}
	kernelsNEON[rows-1](k, &a[0], &b[0], &c[0], ldc, load, bp)
}

// gatherVectors is gatherLanes in assembly for ldb = lanes and spans of up to spanMax. The caller
// has checked that every vector lies within src.
func gatherVectors(dst, src []float32, offsets []int32, spans []span) {
	gatherNEON(&dst[0], &src[0], &offsets[0], len(offsets), &spans[0].src, len(spans))
}

// transformSIMD is transformGeneric; t has room for winoTerms vectors.
func transformSIMD(v []float32, stride int, d, t []float32) {
	transformNEON(&v[0], stride, &d[0], &t[0])
}

// outputSIMD is outputGeneric in assembly.
func outputSIMD(y, m []float32, stride int, bias *float32, t []float32) {
	outputNEON(&y[0], &m[0], stride, bias, &t[0])
}
