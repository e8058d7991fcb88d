package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The factors of winoWeights1, in the order of weightConsts.
const (
	factor0 = iota
	factorA
	factorAA
	factorA1
	factorB
	factorBB
	factorB1
	factors
)

// weightConsts are the factors as float32.
func weightConsts() Mem {
	const a2, b2 = pointA * pointA, pointB * pointB
	const n0, na, nb = 1 / (a2 * b2), 1 / (2 * a2 * (a2 - b2)), 1 / (2 * b2 * (b2 - a2))
	m := GLOBL("weightfactors", RODATA|NOPTR)
	for i, v := range []float32{n0, na, na * a2, na * pointA, nb, nb * b2, nb * pointB} {
		DATA(4*i, U32(math.Float32bits(v)))
	}
	return m
}

// weights1 emits winoWeights1 and hands each value to store, in order.
func (s shape) weights1(c [factors]reg.VecVirtual, g [3]reg.VecVirtual, store func(i int, v reg.VecVirtual)) {
	first := s.vec()
	VMULPS(c[factor0], g[0], first)
	store(0, first)
	pair := func(i, factor int) {
		even, y := s.vec(), s.vec()
		VMULPS(c[factor], g[0], even)
		VFMADD231PS(c[factor+1], g[2], even)
		VMOVAPS(even, y)
		VFMADD231PS(c[factor+2], g[1], y)
		store(i, y)
		VFNMADD231PS(c[factor+2], g[1], even)
		store(i+1, even)
	}
	pair(1, factorA)
	pair(3, factorB)
	store(5, g[2])
}

// weightArgs are those of both functions.
type weightArgs struct {
	u, stride, ldu, g, tap, three, count reg.Register // bytes
	factors                              [factors]reg.VecVirtual
}

// begin emits the head of a function and loads its arguments.
func (s shape) beginWeights(name, doc string, consts Mem) weightArgs {
	TEXT(name, NOSPLIT, "func(u *float32, stride, ldu int, w *float32, rows, count int)")
	Doc(fmt.Sprintf("%s is weightsGeneric for count > 0 channels of %s.", name, doc))
	Pragma("noescape")
	a := weightArgs{u: Load(Param("u"), GP64()), stride: Load(Param("stride"), GP64()), ldu: Load(Param("ldu"), GP64()),
		g: Load(Param("w"), GP64()), tap: Load(Param("rows"), GP64()), count: Load(Param("count"), GP64()), three: GP64()}
	for _, r := range []reg.Register{a.stride, a.ldu, a.tap} {
		SHLQ(Imm(2), r)
	}
	LEAQ(Mem{Base: a.tap, Index: a.tap, Scale: 2}, a.three)
	for i := range a.factors {
		a.factors[i] = s.vec()
		VBROADCASTSS(consts.Offset(4*i), a.factors[i])
	}
	return a
}

// next goes on to the next channel, at label.
func (a weightArgs) next(label string) {
	LEAQ(Mem{Base: a.g, Index: a.three, Scale: 2}, a.g)
	ADDQ(a.three, a.g)
	ADDQ(a.ldu, a.u)
	DECQ(a.count)
	JNZ(LabelRef(label))
	VZEROUPPER()
	RET()
}

// weights5 emits winoWeights for some channels of a panel, all of whose rows are in one register.
func weights5(consts Mem) {
	s := narrow5
	a := s.beginWeights("weights5", "1 to 16 rows", consts)
	rows, bits, mask := Load(Param("rows"), GP64()), GP32(), K()
	MOVL(U32(0xffff), bits)
	BZHIL(rows.(reg.GPVirtual).As32(), bits, bits)
	KMOVW(bits, mask)
	// What follows the channels is wanted next, and comes while their products are made.
	from, to, ahead := GP64(), GP64(), GP64()
	LEAQ(Mem{Base: a.three, Index: a.three, Scale: 2}, ahead)
	IMULQ(a.count, ahead)
	Label("channel")
	MOVQ(a.g, from)
	MOVQ(a.u, to)
	for line := range 8 {
		PREFETCHT0(Mem{Base: from, Index: ahead, Scale: 1, Disp: 64 * line})
	}
	var gg [3][winoIn]reg.VecVirtual
	for j := range gg { // down the columns
		var x [3]reg.VecVirtual
		for i, at := range a.taps(from) {
			x[i] = s.vec()
			VMOVUPS_Z(at, mask, x[i])
		}
		s.weights1(a.factors, x, func(i int, y reg.VecVirtual) { gg[j][i] = y })
		if j < 2 {
			ADDQ(a.tap, from)
		}
	}
	for i := range winoIn { // along the rows
		x := [3]reg.VecVirtual{gg[0][i], gg[1][i], gg[2][i]}
		s.weights1(a.factors, x, func(_ int, y reg.VecVirtual) {
			VMOVUPS(y, mask, Mem{Base: to})
			ADDQ(a.stride, to)
		})
	}
	a.next("channel")
}

// taps are the weights of a column.
func (a weightArgs) taps(from reg.Register) []Mem {
	return []Mem{{Base: from}, {Base: from, Index: a.three, Scale: 1}, {Base: from, Index: a.three, Scale: 2}}
}

// weights2 emits winoWeights for some channels of a panel, four rows at a time; the last ones overlap those
// before, so there must be four.
func weights2(consts Mem) {
	s := shape{"weights2", 16, 1}
	a := s.beginWeights("weights2", "4 rows or more", consts)
	rows, t := Load(Param("rows"), GP64()), AllocLocal(3*winoIn*s.vecSize)
	row, from, to, next := GP64(), GP64(), GP64(), GP64()
	Label("channel")
	XORQ(row, row)
	Label("rows")
	LEAQ(Mem{Base: a.g, Index: row, Scale: 4}, from)
	LEAQ(Mem{Base: a.u, Index: row, Scale: 4}, to)
	for j := range 3 { // down the columns
		var x [3]reg.VecVirtual
		for i, at := range a.taps(from) {
			x[i] = s.vec()
			VMOVUPS(at, x[i])
		}
		s.weights1(a.factors, x, func(i int, y reg.VecVirtual) { VMOVUPS(y, t.Offset((j*winoIn+i)*s.vecSize)) })
		if j < 2 {
			ADDQ(a.tap, from)
		}
	}
	for i := range winoIn { // along the rows
		var x [3]reg.VecVirtual
		for j := range x {
			x[j] = s.vec()
			VMOVUPS(t.Offset((j*winoIn+i)*s.vecSize), x[j])
		}
		s.weights1(a.factors, x, func(_ int, y reg.VecVirtual) {
			VMOVUPS(y, Mem{Base: to})
			ADDQ(a.stride, to)
		})
	}
	ADDQ(Imm(4), row)
	CMPQ(row, rows)
	JGE(LabelRef("done"))
	LEAQ(Mem{Base: row, Disp: 4}, next)
	CMPQ(next, rows)
	JLE(LabelRef("rows"))
	LEAQ(Mem{Base: rows, Disp: -4}, row)
	JMP(LabelRef("rows"))
	Label("done")
	a.next("channel")
}
