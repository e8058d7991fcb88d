//go:build !amd64

package gpu

// haveSIMD tells whether this processor runs the assembly; there is none for this architecture.
const haveSIMD = false

func normalsSIMD(dst []float32, seed uint64, draw uint32, first uint64) {
	normalsGeneric(dst, seed, draw, first)
}
