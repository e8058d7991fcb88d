package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// fewRows is how many rows of pixels few5 makes at once: with two registers each, enough sums to
// hide the latency of a multiply-add.
const fewRows = 4

// few5 emits one output channel of a direct convolution, read in place, for AVX-512: up to 4 rows
// of up to 32 columns. Missing rows are the last one again.
func few5() {
	TEXT("few5", NOSPLIT, "func(dst *float32, ldd int, src *float32, lds int, offsets *int32, k int, "+
		"a *float32, lda, rows, n int, bias *float32)")
	Doc("few5 is one output channel for 1 to 4 rows of n columns, 1 to 32; bias may be nil.")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	bits := GP64()
	MOVQ(I32(-1), bits)
	SHLXQ(n, bits, bits)
	NOTQ(bits)
	masks := [2]reg.OpmaskVirtual{K(), K()}
	KMOVW(bits.As32(), masks[0])
	SHRQ(Imm(16), bits)
	KMOVW(bits.As32(), masks[1])

	var from [fewRows]reg.GPVirtual
	var sums [fewRows][2]reg.VecVirtual
	rows := Load(Param("rows"), GP64())
	lds := Load(Param("lds"), GP64())
	SHLQ(Imm(2), lds)
	for r := range from {
		from[r] = GP64()
		if r == 0 {
			Load(Param("src"), from[r])
		} else {
			nextRow(from[r], from[r-1], lds, rows, r)
		}
		for v := range sums[r] {
			sums[r][v] = ZMM()
			VPXORD(sums[r][v], sums[r][v], sums[r][v])
		}
	}
	offsets := Load(Param("offsets"), GP64())
	k := Load(Param("k"), GP64())
	a := Load(Param("a"), GP64())
	lda := Load(Param("lda"), GP64())
	SHLQ(Imm(2), lda)
	Label("loop")
	off, x := GP64(), ZMM()
	MOVLQSX(Mem{Base: offsets}, off)
	VBROADCASTSS(Mem{Base: a}, x)
	for r := range sums {
		for v, sum := range sums[r] {
			VFMADD231PS(Mem{Base: from[r], Index: off, Scale: 4, Disp: v * 64}, x, masks[v], sum)
		}
	}
	ADDQ(Imm(4), offsets)
	ADDQ(lda, a)
	DECQ(k)
	JNZ(LabelRef("loop"))

	bias := Load(Param("bias"), GP64())
	TESTQ(bias, bias)
	JZ(LabelRef("store"))
	b := ZMM()
	VBROADCASTSS(Mem{Base: bias}, b)
	for _, row := range sums {
		for _, sum := range row {
			VADDPS(b, sum, sum)
		}
	}
	Label("store")
	dst := Load(Param("dst"), GP64())
	ldd := Load(Param("ldd"), GP64())
	SHLQ(Imm(2), ldd)
	for r := range sums {
		if r > 0 {
			next := GP64()
			nextRow(next, dst, ldd, rows, r)
			dst = next
		}
		for v, sum := range sums[r] {
			VMOVUPS(sum, masks[v], Mem{Base: dst, Disp: v * 64})
		}
	}
	VZEROUPPER()
	RET()
}

// nextRow is the row behind at when there are more than r, else at.
func nextRow(next, at, stride, rows reg.Register, r int) {
	MOVQ(at, next)
	behind := GP64()
	LEAQ(Mem{Base: at, Index: stride, Scale: 1}, behind)
	CMPQ(rows, Imm(uint64(r)))
	CMOVQGT(behind, next)
}
