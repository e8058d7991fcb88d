//go:build !amd64

package gemm

// The assembly is for amd64 alone; nothing calls these.
const winoSpans = 8

func transformSpansAVX512([]float32, int, []float32, *[winoTerms]int32, []span, []float32) {}

func transformSIMD([]float32, int, []float32, []float32) {}

func spreadAVX512([]float32, int, []float32, int, int, int, int, int, int) {}

func outputAVX2([]float32, []float32, int, *float32, []float32) {}

func outputAVX512(*winoOutput, []float32) {}
