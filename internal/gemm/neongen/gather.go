package main

import "github.com/cudiffuse/cudiffuse/internal/neon"

// The layout of gemm.span: src, col, n.
const (
	spanSize = 24
	spanCol  = 8
	lanes    = 16
)

// gather writes gatherLanes. Every span is copied as two registers: what is too much is overwritten
// by the next span, or by the next k.
func gather(f *neon.File) {
	f.Func("gatherNEON", "is gatherLanes for count > 0 spans; n > 0 is the number of offsets.",
		neon.Arg{Name: "dst", Type: "*float32"}, neon.Arg{Name: "src", Type: "*float32"},
		neon.Arg{Name: "offsets", Type: "*int32"}, neon.Arg{Name: "n", Type: "int"},
		neon.Arg{Name: "spans", Type: "*int"}, neon.Arg{Name: "count", Type: "int"})
	f.Load("dst", "R0")
	f.Load("src", "R1")
	f.Load("offsets", "R2")
	f.Load("n", "R3")
	f.Load("spans", "R4")
	f.Load("count", "R5")
	f.Label("loop")
	f.Op("MOVW.P 4(R2), R6")
	f.Op("ADD R6<<2, R1, R6")
	f.Op("MOVD R4, R7")
	f.Op("MOVD R5, R8")
	f.Label("span")
	f.Op("MOVD %d(R7), R10", spanCol)
	f.Op("MOVD.P %d(R7), R9", spanSize)
	f.Op("ADD R9<<2, R6, R9")
	f.Op("ADD R10<<2, R0, R10")
	f.Op("FLDPQ (R9), (F0, F1)")
	f.Op("FSTPQ (F0, F1), (R10)")
	f.Op("SUB $1, R8")
	f.Op("CBNZ R8, span")
	f.Op("ADD $%d, R0", 4*lanes)
	f.Op("SUB $1, R3")
	f.Op("CBNZ R3, loop")
	f.Op("RET")
}
