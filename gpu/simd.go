package gpu

import "os"

// level is a set of instructions for the loops of the CPU device. The results are the same bits.
type level int

const (
	generic level = iota // Go
	avx2
	avx512
)

// simd is the level in use. Tests switch it; nothing else does after start-up.
var simd = choose(os.Getenv("CUDIFFUSE_CPU"))

// choose is the best level, or the named one where that is lower.
func choose(name string) level {
	switch name {
	case "generic":
		return generic
	case "avx2":
		return min(avx2, best)
	}
	return best
}
