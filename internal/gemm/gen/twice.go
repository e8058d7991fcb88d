package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// twice2 emits gemm.twice for AVX2.
func twice2() {
	TEXT("twice2", NOSPLIT, "func(dst, src *float32, n int)")
	Doc("twice2 is twice for n floats, a multiple of 8 above 0.")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	n := Load(Param("n"), GP64())
	Label("eight")
	x, low, high := YMM(), YMM(), YMM()
	VPERMQ(Imm(0xd8), Mem{Base: src}, x) // 0 1 4 5, 2 3 6 7
	VUNPCKLPS(x, x, low)
	VUNPCKHPS(x, x, high)
	VMOVUPS(low, Mem{Base: dst})
	VMOVUPS(high, Mem{Base: dst, Disp: 32})
	ADDQ(Imm(32), src)
	ADDQ(Imm(64), dst)
	SUBQ(Imm(8), n)
	JNZ(LabelRef("eight"))
	VZEROUPPER()
	RET()
}
