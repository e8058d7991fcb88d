//go:build !amd64 && !arm64

package gpu

// levels are those of this processor; there is no assembly for this architecture.
var levels = []level{generic}

func normalsSIMD(dst []float32, seed uint64, draw uint32, first uint64) {
	normalsGeneric(dst, seed, draw, first)
}
