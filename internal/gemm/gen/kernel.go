package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The tile of the micro-kernel, as in package gemm: tileN columns are two vectors.
const (
	tileM   = 6
	vectors = 2
	tileN   = vectors * 8
	vecSize = 32 // bytes
)

// unroll is how many k one turn of the main loop does.
const unroll = 4

// kernel emits microKernel for one height of panel:
//
//	c[r][j] = (load ? c[r][j] : 0) + a[0][r]*b[0][j] + ... + a[k-1][r]*b[k-1][j] (+ bias[r])
//
// with a multiply and an add for each product, never a fused one: the sums have the same bits as
// the generic twin's. 12 sums, 2 of B, 1 of A and 1 product fill the 16 registers.
func kernel(rows int) {
	TEXT(fmt.Sprintf("kernel%d", rows), NOSPLIT,
		"func(k int, a, b, c *float32, ldc int, load bool, bias *float32)")
	Doc(fmt.Sprintf("kernel%d is microKernel for panels of %d rows; bias may be nil.", rows, rows))
	Pragma("noescape")
	k := Load(Param("k"), GP64())
	a := Load(Param("a"), GP64())
	b := Load(Param("b"), GP64())
	c := Load(Param("c"), GP64())
	ldc := Load(Param("ldc"), GP64())
	SHLQ(Imm(2), ldc) // bytes
	sums := make([][vectors]reg.VecVirtual, rows)
	for r := range sums {
		for v := range vectors {
			sums[r][v] = YMM()
		}
	}
	loadSums(sums, c, ldc)

	turns := GP64()
	MOVQ(k, turns)
	SHRQ(Imm(2), turns) // unroll
	JZ(LabelRef("rest"))
	Label("loop")
	for u := range unroll {
		step(sums, a, b, u)
	}
	ADDQ(U32(unroll*rows*4), a)
	ADDQ(U32(unroll*vectors*vecSize), b)
	DECQ(turns)
	JNZ(LabelRef("loop"))
	Label("rest")
	ANDQ(Imm(unroll-1), k)
	JZ(LabelRef("addbias"))
	Label("one")
	step(sums, a, b, 0)
	ADDQ(U32(uint32(rows*4)), a)
	ADDQ(U32(vectors*vecSize), b)
	DECQ(k)
	JNZ(LabelRef("one"))

	Label("addbias")
	bias := Load(Param("bias"), GP64())
	TESTQ(bias, bias)
	JZ(LabelRef("store"))
	for r := range sums {
		v := YMM()
		VBROADCASTSS(Mem{Base: bias, Disp: 4 * r}, v)
		for _, s := range sums[r] {
			VADDPS(v, s, s)
		}
	}
	Label("store")
	eachRow(c, ldc, rows, func(r int, at reg.Register) {
		for v, s := range sums[r] {
			VMOVUPS(s, Mem{Base: at, Disp: v * vecSize})
		}
	})
	VZEROUPPER()
	RET()
}

// loadSums starts the sums at the old C, or at zero; either way it brings C nearer.
func loadSums(sums [][vectors]reg.VecVirtual, c, ldc reg.Register) {
	load := Load(Param("load"), GP8())
	TESTB(load, load)
	JZ(LabelRef("zero"))
	eachRow(c, ldc, len(sums), func(r int, at reg.Register) {
		for v, s := range sums[r] {
			VMOVUPS(Mem{Base: at, Disp: v * vecSize}, s)
		}
	})
	JMP(LabelRef("begin"))
	Label("zero")
	eachRow(c, ldc, len(sums), func(r int, at reg.Register) {
		PREFETCHT0(Mem{Base: at})
		for _, s := range sums[r] {
			VXORPS(s, s, s)
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

// step emits the k that lies u steps after a and b.
func step(sums [][vectors]reg.VecVirtual, a, b reg.Register, u int) {
	var bv [vectors]reg.VecVirtual
	for v := range bv {
		bv[v] = YMM()
		VMOVUPS(Mem{Base: b, Disp: (u*vectors + v) * vecSize}, bv[v])
	}
	for r := range sums {
		x, product := YMM(), YMM()
		VBROADCASTSS(Mem{Base: a, Disp: (u*len(sums) + r) * 4}, x)
		VMULPS(bv[0], x, product)
		VMULPS(bv[1], x, x)
		VADDPS(product, sums[r][0], sums[r][0])
		VADDPS(x, sums[r][1], sums[r][1])
	}
}
