//go:build !amd64

package gpu

// best is the most that this processor can do; there is no assembly for this architecture.
const best = generic

func normalsSIMD(dst []float32, seed uint64, draw uint32, first uint64) {
	normalsGeneric(dst, seed, draw, first)
}
