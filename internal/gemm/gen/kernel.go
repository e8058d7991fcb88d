package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// shape is a micro-kernel: its name's front, the width of a register and of its tile.
type shape struct {
	name    string
	vecSize int // bytes
	vectors int // registers in a row of the tile
}

// The micro-kernels. Their tallest tiles fill the registers: 6x2 sums of AVX2's 16, 14x2 of
// AVX-512's 32. The narrow ones are for the last columns.
var (
	wide2   = shape{"kernel2", 32, 2}
	wide5   = shape{"kernel5", 64, 2}
	narrow5 = shape{"narrow5", 64, 1}
)

// unroll is how many k one turn of the main loop does.
const unroll = 4

// vec returns a new register of the shape's size.
func (s shape) vec() reg.VecVirtual {
	switch s.vecSize {
	case 64:
		return ZMM()
	case 32:
		return YMM()
	}
	return XMM()
}

// kernel emits microKernel for one height of panel:
//
//	c[r][j] = fma(a[k-1][r], b[k-1][j], ... fma(a[0][r], b[0][j], load ? c[r][j] : 0)) (+ bias[r])
func (s shape) kernel(rows int) {
	name := fmt.Sprintf("%sx%d", s.name, rows)
	TEXT(name, NOSPLIT, "func(k int, a, b, c *float32, ldc int, load bool, bias *float32, ahead int)")
	Doc(fmt.Sprintf("%s is microKernel for panels of %d rows, tiles of %d columns; bias may be nil.",
		name, rows, s.vectors*s.vecSize/4))
	Pragma("noescape")
	k := Load(Param("k"), GP64())
	a := Load(Param("a"), GP64())
	b := Load(Param("b"), GP64())
	c := Load(Param("c"), GP64())
	ldc := Load(Param("ldc"), GP64())
	SHLQ(Imm(2), ldc) // bytes
	sums := make([][]reg.VecVirtual, rows)
	for r := range sums {
		sums[r] = make([]reg.VecVirtual, s.vectors)
		for v := range sums[r] {
			sums[r][v] = s.vec()
		}
	}
	s.loadSums(sums, c, ldc)
	var ahead reg.Register
	if s.warms(rows) {
		ahead = Load(Param("ahead"), GP64())
		SHLQ(Imm(2), ahead)
	}

	turns := GP64()
	MOVQ(k, turns)
	SHRQ(Imm(2), turns) // unroll
	JZ(LabelRef("rest"))
	Label("loop")
	for u := range unroll {
		s.step(sums, a, b, ahead, u)
	}
	ADDQ(U32(uint32(unroll*rows*4)), a)
	ADDQ(U32(uint32(unroll*s.vectors*s.vecSize)), b)
	DECQ(turns)
	JNZ(LabelRef("loop"))
	Label("rest")
	ANDQ(Imm(unroll-1), k)
	JZ(LabelRef("addbias"))
	Label("one")
	s.step(sums, a, b, ahead, 0)
	ADDQ(U32(uint32(rows*4)), a)
	ADDQ(U32(uint32(s.vectors*s.vecSize)), b)
	DECQ(k)
	JNZ(LabelRef("one"))

	Label("addbias")
	bias := Load(Param("bias"), GP64())
	TESTQ(bias, bias)
	JZ(LabelRef("store"))
	for r := range sums {
		v := s.vec()
		VBROADCASTSS(Mem{Base: bias, Disp: 4 * r}, v)
		for _, sum := range sums[r] {
			VADDPS(v, sum, sum)
		}
	}
	Label("store")
	eachRow(c, ldc, rows, func(r int, at reg.Register) {
		for v, sum := range sums[r] {
			VMOVUPS(sum, Mem{Base: at, Disp: v * s.vecSize})
		}
	})
	VZEROUPPER()
	RET()
}

// loadSums starts the sums at the old C, or at zero; either way it brings C nearer.
func (s shape) loadSums(sums [][]reg.VecVirtual, c, ldc reg.Register) {
	load := Load(Param("load"), GP8())
	TESTB(load, load)
	JZ(LabelRef("zero"))
	eachRow(c, ldc, len(sums), func(r int, at reg.Register) {
		for v, sum := range sums[r] {
			VMOVUPS(Mem{Base: at, Disp: v * s.vecSize}, sum)
		}
	})
	JMP(LabelRef("begin"))
	Label("zero")
	eachRow(c, ldc, len(sums), func(r int, at reg.Register) {
		for line := 0; line < s.vectors*s.vecSize; line += 64 {
			PREFETCHT0(Mem{Base: at, Disp: line})
		}
		for _, sum := range sums[r] {
			if s.vecSize == 64 {
				VPXORD(sum, sum, sum)
			} else {
				VXORPS(sum, sum, sum)
			}
		}
	})
	Label("begin")
}

// eachRow calls f with the address of each row of C.
func eachRow(c, ldc reg.Register, rows int, f func(r int, at reg.Register)) {
	at := GP64()
	MOVQ(c, at)
	for r := range rows {
		f(r, at)
		if r < rows-1 {
			ADDQ(ldc, at)
		}
	}
}

// warms tells whether a kernel brings later values of A into the second-level cache: the weights of
// small images are read once a run.
func (s shape) warms(rows int) bool { return s.vecSize == 64 && rows > 4 }

// step emits the k that lies u steps after a and b.
func (s shape) step(sums [][]reg.VecVirtual, a, b, ahead reg.Register, u int) {
	bv := make([]reg.VecVirtual, s.vectors)
	for v := range bv {
		bv[v] = s.vec()
		at := (u*s.vectors + v) * s.vecSize
		VMOVUPS(Mem{Base: b, Disp: at}, bv[v])
	}
	if s.warms(len(sums)) {
		PREFETCHT1(Mem{Base: a, Index: ahead, Scale: 1, Disp: u * len(sums) * 4})
	}
	for r := range sums {
		at := Mem{Base: a, Disp: (u*len(sums) + r) * 4}
		if s.vectors == 1 {
			VFMADD231PS_BCST(at, bv[0], sums[r][0])
			continue
		}
		x := s.vec()
		VBROADCASTSS(at, x)
		for v := range bv {
			VFMADD231PS(bv[v], x, sums[r][v])
		}
	}
}
