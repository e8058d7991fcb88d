package gemm

import "os"

// level is a set of instructions for the inner loops. The results are the same bits.
type level int

const (
	generic level = iota // Go
	neon                 // arm64
	avx2                 // with FMA
	avx512               // AVX-512 F, BW, DQ and VL
)

// simd is the level in use. Tests switch it before they make a layer; nothing else does after
// start-up.
var simd = choose(os.Getenv("CUDIFFUSE_CPU"))

// choose is the named level where the processor has it, else its best.
func choose(name string) level {
	for _, l := range levels {
		if l.String() == name {
			return l
		}
	}
	return levels[len(levels)-1]
}

// String is the level's name in CUDIFFUSE_CPU.
func (l level) String() string { return [...]string{"generic", "neon", "avx2", "avx512"}[l] }

// Implementation names the micro-kernel in use: "avx512", "avx2", "neon" or "generic". The results
// are the same. CUDIFFUSE_CPU in the environment selects another of those that the processor has.
func Implementation() string { return simd.String() }

// The largest tile of any level.
const (
	maxTileM  = 14
	maxTileN  = 32
	maxKBlock = 384
)

// tiling is how a level cuts a product.
type tiling struct {
	level  level
	m, n   int // the micro-kernel's tile: m*n sums fill the registers
	kBlock int // longest K block: a tile of B and a panel of A share the first-level cache
}

// tiling returns the level's. 6x16 sums fill 12 of AVX2's 16 registers and 24 of NEON's 32, 14x32
// fill 28 of AVX-512's 32.
func (l level) tiling() tiling {
	if l == avx512 {
		return tiling{level: l, m: maxTileM, n: maxTileN, kBlock: maxKBlock}
	}
	return tiling{level: l, m: 6, n: lanes, kBlock: 288}
}
