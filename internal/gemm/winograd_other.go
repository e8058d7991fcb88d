//go:build !amd64

package gemm

// The assembly is for amd64 alone; nothing calls these.
const winoSpans = 8

func (*winoSpace) transformSpansAVX512([]float32, int, int, int, int, []span) {}

func transformSIMD([]float32, int, []float32, []float32) {}

func (*winoSpace) spreadSIMD(level, []float32, []float32, int) {}

func outputAVX2([]float32, []float32, int, *float32, []float32) {}

func outputAVX512(*winoOutput, []float32) {}

func weightsAVX2([]float32, int, []float32, int, int, []float64) {}

func weightsAVX512([]float32, int, []float32, int, int, []float64) {}
