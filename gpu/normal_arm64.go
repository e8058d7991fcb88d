package gpu

// levels are those of every arm64 processor, the best one last.
var levels = []level{generic, neon}

// normalsSIMD is normalsGeneric: there is no assembly for noise.
func normalsSIMD(dst []float32, seed uint64, draw uint32, first uint64) {
	normalsGeneric(dst, seed, draw, first)
}
