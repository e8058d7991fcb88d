package main

import "github.com/cudiffuse/cudiffuse/internal/neon"

// The points of F(4x4, 3x3), and its sizes, as in package gemm.
const (
	pointA  = 11.0 / 16
	pointB  = 11.0 / 8
	winoOut = 4
	winoIn  = 6
)

// constant is one of the constants of a transform: a lane of a register.
type constant struct {
	v    neon.V
	lane int
}

// The constants by name, in two registers.
var (
	a1, b1, a2, b2 = constant{30, 0}, constant{30, 1}, constant{30, 2}, constant{30, 3}
	mul, sum       = constant{31, 0}, constant{31, 1} // a²b², a²+b²
	a3, b3         = constant{31, 2}, constant{31, 3}
)

// loadConstants loads them; R15 is changed.
func loadConstants(f *neon.File) {
	f.Op("MOVD $points<>(SB), R15")
	f.Op("FLDPQ (R15), (F30, F31)")
}

// arith writes the arithmetic of the transforms.
type arith struct{ *neon.File }

// add is d = fma(c, x, z), or fma(-c, x, z) with minus.
func (f arith) add(d neon.V, c constant, minus bool, x, z neon.V) {
	f.Move(z, d)
	if minus {
		f.FMSLane(d, x, c.v, c.lane)
	} else {
		f.FMALane(d, x, c.v, c.lane)
	}
}

// in is winoIn1 of registers 0 to 5; the results are in 16 to 21.
func (f arith) in() {
	const p, q, r, s = neon.V(6), neon.V(7), neon.V(8), neon.V(9)
	f.add(p, b2, true, 2, 4)
	f.add(q, b2, true, 1, 3)
	f.add(r, a2, true, 2, 4)
	f.add(s, a2, true, 1, 3)
	f.add(4, sum, true, 2, 4)
	f.add(16, mul, false, 0, 4)
	f.add(17, a1, false, q, p)
	f.add(18, a1, true, q, p)
	f.add(19, b1, false, s, r)
	f.add(20, b1, true, s, r)
	f.add(5, sum, true, 3, 5)
	f.add(21, mul, false, 1, 5)
}

// out is winoOut1 of registers 0 to 5; the results are in 16 to 19.
func (f arith) out() {
	const s, d, t, e = neon.V(6), neon.V(7), neon.V(8), neon.V(9)
	f.Add(s, 1, 2)
	f.Sub(d, 1, 2)
	f.Add(t, 3, 4)
	f.Sub(e, 3, 4)
	f.Add(16, 0, s)
	f.Add(16, 16, t)
	f.MulLane(17, d, a1.v, a1.lane)
	f.add(17, b1, false, e, 17)
	f.MulLane(18, s, a2.v, a2.lane)
	f.add(18, b2, false, t, 18)
	f.add(19, a3, false, d, 5)
	f.add(19, b3, false, e, 19)
}

// row loads registers 0 to 5 from a row of the intermediate terms in R3.
func (f arith) row(i int) {
	for j := 0; j < winoIn; j += 2 {
		f.Op("FLDPQ %d(R3), (F%d, F%d)", 16*(i*winoIn+j), j, j+1)
	}
}

// transform writes transformGeneric, four lanes at a time: down the columns, then along the rows.
func transform(file *neon.File) {
	f := arith{file}
	f.Floats("points", pointA, pointB, pointA*pointA, pointB*pointB,
		pointA*pointA*pointB*pointB, pointA*pointA+pointB*pointB,
		pointA*pointA*pointA, pointB*pointB*pointB)
	f.Func("transformNEON", "is transformGeneric; t has room for 36 registers.",
		neon.Arg{Name: "v", Type: "*float32"}, neon.Arg{Name: "stride", Type: "int"},
		neon.Arg{Name: "d", Type: "*float32"}, neon.Arg{Name: "t", Type: "*float32"})
	f.Load("v", "R0")
	f.Load("stride", "R1")
	f.Op("LSL $2, R1")
	f.Load("d", "R2")
	f.Load("t", "R3")
	loadConstants(file)
	f.Op("MOVD $%d, R4", lanes/4)
	f.Label("loop")
	for j := range winoIn {
		for i := range winoIn {
			f.Op("FMOVQ %d(R2), F%d", 4*lanes*(j*winoIn+i), i)
		}
		f.in()
		for i := range winoIn {
			f.Op("FMOVQ F%d, %d(R3)", 16+i, 16*(i*winoIn+j))
		}
	}
	f.Op("MOVD R0, R5")
	for i := range winoIn {
		f.row(i)
		f.in()
		for j := range winoIn {
			f.Op("FMOVQ F%d, (R5)", 16+j)
			f.Op("ADD R1, R5")
		}
	}
	f.Op("ADD $16, R0")
	f.Op("ADD $16, R2")
	f.Op("SUB $1, R4")
	f.Op("CBNZ R4, loop")
	f.Op("RET")
}

// output writes outputGeneric the same way. The four pixels of a tile's row are stored beside each
// other.
func output(file *neon.File) {
	f := arith{file}
	f.Func("outputNEON", "is outputGeneric; t has room for 24 registers.",
		neon.Arg{Name: "y", Type: "*float32"}, neon.Arg{Name: "m", Type: "*float32"},
		neon.Arg{Name: "stride", Type: "int"}, neon.Arg{Name: "bias", Type: "*float32"},
		neon.Arg{Name: "t", Type: "*float32"})
	f.Load("y", "R0")
	f.Load("stride", "R1")
	f.Op("LSL $2, R1")
	f.Load("m", "R2")
	f.Load("t", "R3")
	f.Load("bias", "R6")
	f.Op("ADD R1<<1, R1, R7")
	f.Op("LSL $1, R7") // six terms
	loadConstants(file)
	f.Op("MOVD $%d, R4", lanes/4)
	f.Op("CBZ R6, loop")
	f.Op("VLD1R (R6), [V29.S4]")
	f.Label("loop")
	f.Op("MOVD R2, R5")
	for j := range winoIn {
		f.Op("MOVD R5, R8")
		for i := range winoIn {
			f.Op("FMOVQ (R8), F%d", i)
			if i < winoIn-1 {
				f.Op("ADD R7, R8")
			}
		}
		f.out()
		for i := range winoOut {
			f.Op("FMOVQ F%d, %d(R3)", 16+i, 16*(i*winoIn+j))
		}
		if j < winoIn-1 {
			f.Op("ADD R1, R5")
		}
	}
	f.Op("MOVD R0, R5")
	for i := range winoOut {
		f.row(i)
		f.out()
		f.Op("CBZ R6, store%d", i)
		for j := range neon.V(winoOut) {
			f.Add(16+j, 16+j, 29)
		}
		f.Label([]string{"store0", "store1", "store2", "store3"}[i])
		f.Op("VST4 [V16.S4, V17.S4, V18.S4, V19.S4], (R5)")
		f.Op("ADD $%d, R5", 4*lanes*winoOut)
	}
	f.Op("ADD $%d, R0", 16*winoOut)
	f.Op("ADD $16, R2")
	f.Op("SUB $1, R4")
	f.Op("CBNZ R4, loop")
	f.Op("RET")
}
