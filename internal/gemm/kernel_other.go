//go:build !amd64 && !arm64

package gemm

// levels are those of this processor; there is no assembly for this architecture, and nothing calls
// the functions.
var levels = []level{generic}

func kernelSIMD(level, int, int, int, []float32, []float32, []float32, int, bool, []float32, int) {}

func gatherVectors([]float32, []float32, []int32, []span) {}

func transformSIMD([]float32, int, []float32, []float32) {}

func outputSIMD([]float32, []float32, int, *float32, []float32) {}
