package main

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/internal/neon"
)

// The tile: 6 rows of 4 registers are 24 sums, which with 4 registers of B and 4 of A fill the 32.
const (
	tileRows = 6
	vectors  = 4
	unroll   = 4 // k of a turn of the main loop: with them a panel's elements fill whole registers
)

// The registers of a kernel.
const (
	sums = neon.V(0)  // by row, then column
	bs   = neon.V(24) // a row of B
	as   = neon.V(28) // elements of A, two and two registers in turn
)

// kernel writes microKernel for panels of a number of rows and tiles of 16 columns.
func kernel(f *neon.File, rows int) {
	name := fmt.Sprintf("kernelNEONx%d", rows)
	f.Func(name, fmt.Sprintf("is microKernel for panels of %d rows; bias may be nil.", rows),
		neon.Arg{Name: "k", Type: "int"}, neon.Arg{Name: "a", Type: "*float32"},
		neon.Arg{Name: "b", Type: "*float32"}, neon.Arg{Name: "c", Type: "*float32"},
		neon.Arg{Name: "ldc", Type: "int"}, neon.Arg{Name: "load", Type: "bool"},
		neon.Arg{Name: "bias", Type: "*float32"})
	f.Load("k", "R0")
	f.Load("a", "R1")
	f.Load("b", "R2")
	f.Load("c", "R3")
	f.Load("ldc", "R4")
	f.Op("LSL $2, R4") // bytes
	f.Load("load", "R5")
	f.Load("bias", "R6")
	f.Op("CBZ R5, zero")
	eachRow(f, rows, "FLDPQ")
	f.Op("JMP begin")
	f.Label("zero")
	for i := range neon.V(rows * vectors) {
		f.Zero(sums + i)
	}
	f.Label("begin")
	f.Op("LSR $2, R0, R7")
	f.Op("CBZ R7, rest")
	f.Label("loop")
	turn(f, rows)
	f.Op("SUB $1, R7")
	f.Op("CBNZ R7, loop")
	f.Label("rest")
	f.Op("AND $3, R0")
	f.Op("CBZ R0, addbias")
	f.Label("one")
	loadB(f)
	for r := range rows {
		a := as + neon.V(r%4)
		f.Op("FMOVS.P 4(R1), %s", a.F())
		multiply(f, r, a, 0)
	}
	f.Op("SUB $1, R0")
	f.Op("CBNZ R0, one")
	f.Label("addbias")
	f.Op("CBZ R6, store")
	for r := range rows {
		f.Op("VLD1R.P 4(R6), [%s]", as.S4())
		for v := range neon.V(vectors) {
			sum := sums + neon.V(r*vectors) + v
			f.Add(sum, sum, as)
		}
	}
	f.Label("store")
	eachRow(f, rows, "FSTPQ")
	f.Op("RET")
}

// eachRow loads or stores the sums; R8 is the address of a row of C.
func eachRow(f *neon.File, rows int, op string) {
	f.Op("MOVD R3, R8")
	for r := range rows {
		for v := 0; v < vectors; v += 2 {
			sum := sums + neon.V(r*vectors+v)
			pair := fmt.Sprintf("(%s, %s)", sum.F(), (sum + 1).F())
			if at := fmt.Sprintf("%d(R8)", 16*v); op == "FLDPQ" {
				f.Op("%s %s, %s", op, at, pair)
			} else {
				f.Op("%s %s, %s", op, pair, at)
			}
		}
		if r < rows-1 {
			f.Op("ADD R4, R8")
		}
	}
}

// loadB loads a row of B.
func loadB(f *neon.File) {
	f.Op("FLDPQ.P 32(R2), (%s, %s)", bs.F(), (bs + 1).F())
	f.Op("FLDPQ.P 32(R2), (%s, %s)", (bs + 2).F(), (bs + 3).F())
}

// multiply adds a[lane] times the row of B to a row of sums.
func multiply(f *neon.File, r int, a neon.V, lane int) {
	for v := range neon.V(vectors) {
		f.FMALane(sums+neon.V(r*vectors)+v, bs+v, a, lane)
	}
}

// turn writes the main loop's body. Its elements of A are as many registers as a panel has rows; two
// are loaded when those before the last two are done with.
func turn(f *neon.File, rows int) {
	loadA(f, rows, 0)
	for u := range unroll {
		loadB(f)
		for r := range rows {
			e := u*rows + r
			if e%8 == 0 {
				loadA(f, rows, e/4+2)
			}
			multiply(f, r, as+neon.V(e/4%4), e%4)
		}
	}
}

// loadA loads registers q and q+1 of a turn's elements of A, as far as there are any.
func loadA(f *neon.File, rows, q int) {
	a, b := as+neon.V(q%4), as+neon.V((q+1)%4)
	switch {
	case q+1 < rows:
		f.Op("FLDPQ.P 32(R1), (%s, %s)", a.F(), b.F())
	case q < rows:
		f.Op("FMOVQ.P 16(R1), %s", a.F())
	}
}
