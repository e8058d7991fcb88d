package main

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/internal/neon"
)

// The layout of gpu.term: the slice r, then k.
const (
	termSize = 32
	termK    = 24
)

// The registers: sums from 0 on, those of a term from 8 on, its factor.
const (
	sums    = neon.V(0)
	terms   = neon.V(8)
	factor  = neon.V(16)
	negated = neon.V(17)
)

// sum writes the sums of products of the fused update. The loops over the terms are inside, so that
// the sums stay in registers.
func sum(f *neon.File) {
	f.Func("sumNEON", "is sumGeneric of n elements, a multiple of 8 above 0, and count > 0\n"+
		"// terms, the first of which begins at terms.",
		neon.Arg{Name: "n", Type: "int"}, neon.Arg{Name: "y", Type: "*float32"},
		neon.Arg{Name: "terms", Type: "*[]float32"}, neon.Arg{Name: "count", Type: "int"},
		neon.Arg{Name: "more", Type: "bool"})
	f.Load("n", "R0")
	f.Load("y", "R1")
	f.Load("terms", "R2")
	f.Load("count", "R3")
	f.Load("more", "R4")
	f.Op("MOVD $0, R5") // bytes done
	f.Label("many")
	f.Op("CMP $32, R0")
	f.Op("BLT few")
	sumOf(f, "many", 8)
	f.Op("JMP many")
	f.Label("few")
	f.Op("CBZ R0, done")
	sumOf(f, "few", 2)
	f.Op("JMP few")
	f.Label("done")
	f.Op("RET")
}

// sumOf makes some registers of y, R5 bytes from its beginning, and counts them.
func sumOf(f *neon.File, label string, registers int) {
	f.Op("CBNZ R4, %s_load", label)
	for v := range neon.V(registers) {
		f.Zero(sums + v)
	}
	f.Op("JMP %s_begin", label)
	f.Label(label + "_load")
	pairs(f, "R1", sums, registers, false)
	f.Label(label + "_begin")
	f.Op("MOVD R2, R6")
	f.Op("MOVD R3, R7")
	f.Label(label + "_term")
	f.Op("FMOVS %d(R6), %s", termK, factor.F())
	f.Op("MOVD.P %d(R6), R8", termSize)
	f.Op("ADD R5, R8")
	pairs(f, "R8", terms, registers, false)
	for v := range neon.V(registers) {
		f.MulLane(terms+v, terms+v, factor, 0)
		f.Add(sums+v, sums+v, terms+v)
	}
	f.Op("SUB $1, R7")
	f.Op("CBNZ R7, %s_term", label)
	pairs(f, "R1", sums, registers, true)
	f.Op("ADD $%d, R1", 16*registers)
	f.Op("ADD $%d, R5", 16*registers)
	f.Op("SUB $%d, R0", 4*registers)
}

// pairs loads or stores registers.
func pairs(f *neon.File, at string, first neon.V, registers int, store bool) {
	for v := 0; v < registers; v += 2 {
		pair := fmt.Sprintf("(%s, %s)", (first + neon.V(v)).F(), (first + neon.V(v+1)).F())
		if store {
			f.Op("FSTPQ %s, %d(%s)", pair, 16*v, at)
		} else {
			f.Op("FLDPQ %d(%s), %s", 16*v, at, pair)
		}
	}
}

// scale writes y = k*r.
func scale(f *neon.File) {
	elementwise(f, "scale", "k")
	f.Label("loop")
	f.Op("FLDPQ.P 32(R2), (%s, %s)", terms.F(), (terms + 1).F())
	for v := range neon.V(2) {
		f.MulLane(terms+v, terms+v, factor, 0)
	}
	next(f)
}

// clip writes the clip to [-c, c], c > 0. NaN passes.
func clip(f *neon.File) {
	elementwise(f, "clip", "c")
	f.Op("VDUP V%d.S[0], %s", factor, factor.S4())
	f.Neg(negated, factor)
	f.Label("loop")
	f.Op("FLDPQ.P 32(R2), (%s, %s)", terms.F(), (terms + 1).F())
	for v := range neon.V(2) {
		f.Min(terms+v, terms+v, factor)
		f.Max(terms+v, terms+v, negated)
	}
	next(f)
}

// elementwise begins a routine.
func elementwise(f *neon.File, name, param string) {
	f.Func(name+"NEON", "is "+name+"Generic of n elements, a multiple of 8 above 0.",
		neon.Arg{Name: "n", Type: "int"}, neon.Arg{Name: "y", Type: "*float32"},
		neon.Arg{Name: param, Type: "float32"}, neon.Arg{Name: "r", Type: "*float32"})
	f.Load("n", "R0")
	f.Load("y", "R1")
	f.Load(param, factor.F())
	f.Load("r", "R2")
}

// next stores two registers and ends a routine.
func next(f *neon.File) {
	f.Op("FSTPQ.P (%s, %s), 32(R1)", terms.F(), (terms + 1).F())
	f.Op("SUB $8, R0")
	f.Op("CBNZ R0, loop")
	f.Op("RET")
}
