package bfloat

import "os"

// level is a set of instructions. The results are the same bits.
type level int

const (
	generic level = iota // Go
	avx2                 // with FMA
	avx512               // F, BW, DQ and VL
	amx                  // AMX-TILE and AMX-BF16 beside AVX-512
)

// simd is the level in use. Tests switch it; nothing else does after start-up.
var simd = choose(os.Getenv("CUDIFFUSE_CPU"))

// choose is the best level up to the named one, or the best of all.
func choose(name string) level {
	best := levels[len(levels)-1]
	for l := generic; l < best; l++ {
		if l.String() == name {
			return l
		}
	}
	return best
}

// String is the level's name in CUDIFFUSE_CPU.
func (l level) String() string { return [...]string{"generic", "avx2", "avx512", "amx"}[l] }

// Implementation names the instructions in use: "amx", "avx512", "avx2" or "generic". The results are the same.
func Implementation() string { return simd.String() }
