package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// made holds the constants that exist already.
var made = map[string]bool{}

// bits returns a memory operand with eight copies of a 32-bit word.
func bits(w uint32) Mem {
	name := fmt.Sprintf("vec_%08x", w)
	if !made[name] {
		made[name] = true
		GLOBL(name, RODATA|NOPTR)
		for i := range 8 {
			DATA(4*i, U32(w))
		}
	}
	return NewDataAddr(Symbol{Name: name, Static: true}, 0)
}

// float returns a memory operand with eight copies of the float32 nearest to f.
func float(f float64) Mem { return bits(math.Float32bits(float32(f))) }
