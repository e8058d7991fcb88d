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

// weightConsts are the factors as float64.
func weightConsts() Mem {
	const a2, b2 = pointA * pointA, pointB * pointB
	const n0, na, nb = 1 / (a2 * b2), 1 / (2 * a2 * (a2 - b2)), 1 / (2 * b2 * (b2 - a2))
	m := GLOBL("weightfactors", RODATA|NOPTR)
	for i, v := range []float64{n0, na, na * a2, na * pointA, nb, nb * b2, nb * pointB} {
		DATA(8*i, U64(math.Float64bits(v)))
	}
	return m
}

// weights emits winoWeights for some channels of a panel, a register of rows at a time; the last one
// overlaps the one before, so there must be a whole one.
func (s shape) weights(name string, consts Mem) {
	n := s.vecSize / 8 // rows at a time
	TEXT(name, NOSPLIT, "func(u *float32, stride int, w *float32, rows, count int, t *float64)")
	Doc(fmt.Sprintf("%s is weightsGeneric for count > 0 channels of %d rows or more; t has room for %d numbers.",
		name, n, 3*winoIn*n))
	Pragma("noescape")
	u := Load(Param("u"), GP64())
	stride := Load(Param("stride"), GP64())
	SHLQ(Imm(2), stride)
	g := Load(Param("w"), GP64())
	rows := Load(Param("rows"), GP64())
	count := Load(Param("count"), GP64())
	t := Load(Param("t"), GP64())
	var c [factors]reg.VecVirtual
	for i := range c {
		c[i] = s.vec()
		VBROADCASTSD(consts.Offset(8*i), c[i])
	}
	tap, three := GP64(), GP64()
	MOVQ(rows, tap)
	SHLQ(Imm(2), tap)
	LEAQ(Mem{Base: tap, Index: tap, Scale: 2}, three)
	row, from, to, next := GP64(), GP64(), GP64(), GP64()
	Label("channel")
	XORQ(row, row)
	Label("rows")
	LEAQ(Mem{Base: g, Index: row, Scale: 4}, from)
	LEAQ(Mem{Base: u, Index: row, Scale: 4}, to)
	for j := range 3 { // down the columns
		var x [3]reg.VecVirtual
		for i, at := range []Mem{{Base: from}, {Base: from, Index: three, Scale: 1}, {Base: from, Index: three, Scale: 2}} {
			x[i] = s.vec()
			VCVTPS2PD(at, x[i])
		}
		s.weights1(c, x, func(i int, y reg.VecVirtual) {
			VMOVUPD(y, Mem{Base: t, Disp: (j*winoIn + i) * s.vecSize})
		})
		if j < 2 {
			ADDQ(tap, from)
		}
	}
	for i := range winoIn { // along the rows
		var x [3]reg.VecVirtual
		for j := range x {
			x[j] = s.vec()
			VMOVUPD(Mem{Base: t, Disp: (j*winoIn + i) * s.vecSize}, x[j])
		}
		s.weights1(c, x, func(_ int, y reg.VecVirtual) {
			if s.vecSize == 64 {
				half := YMM()
				VCVTPD2PS(y, half)
				VMOVUPS(half, Mem{Base: to})
			} else {
				half := XMM()
				VCVTPD2PSY(y, half)
				VMOVUPS(half, Mem{Base: to})
			}
			ADDQ(stride, to)
		})
	}
	ADDQ(Imm(uint64(n)), row)
	CMPQ(row, rows)
	JGE(LabelRef("done"))
	LEAQ(Mem{Base: row, Disp: n}, next)
	CMPQ(next, rows)
	JLE(LabelRef("rows"))
	LEAQ(Mem{Base: rows, Disp: -n}, row)
	JMP(LabelRef("rows"))
	Label("done")
	LEAQ(Mem{Base: g, Index: three, Scale: 2}, g)
	ADDQ(three, g)
	ADDQ(tap, u)
	DECQ(count)
	JNZ(LabelRef("channel"))
	VZEROUPPER()
	RET()
}

// weights1 emits winoWeights1 and hands each value to store, in order.
func (s shape) weights1(c [factors]reg.VecVirtual, g [3]reg.VecVirtual, store func(i int, v reg.VecVirtual)) {
	times := func(factor int, x reg.VecVirtual) reg.VecVirtual {
		y := s.vec()
		VMULPD(c[factor], x, y)
		return y
	}
	store(0, times(factor0, g[0]))
	pair := func(i, factor int) {
		even, odd, y := times(factor, g[0]), times(factor+2, g[1]), s.vec()
		VADDPD(times(factor+1, g[2]), even, even)
		VADDPD(odd, even, y)
		store(i, y)
		VSUBPD(odd, even, even)
		store(i+1, even)
	}
	pair(1, factorA)
	pair(3, factorB)
	store(5, g[2])
}
