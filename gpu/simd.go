package gpu

import "os"

// level is a set of instructions for the loops of the CPU device. The results are the same bits.
type level int

const (
	generic level = iota // Go
	neon                 // arm64
	avx2
	avx512
)

// levelNames are the levels by name, as CUDIFFUSE_CPU has them.
var levelNames = []string{generic: "generic", neon: "neon", avx2: "avx2", avx512: "avx512"}

// simd is the level in use. Tests switch it; nothing else does after start-up.
var simd = choose(os.Getenv("CUDIFFUSE_CPU"))

// choose is the named level where the processor has it, else its best.
func choose(name string) level {
	for _, l := range levels {
		if levelNames[l] == name {
			return l
		}
	}
	return levels[len(levels)-1]
}
