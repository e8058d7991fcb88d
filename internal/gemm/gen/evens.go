package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// evens2 emits convRun.every for AVX2 and a stride of 2. Eight values come from two registers that overlap by a float, so
// that nothing behind the last value is read; the last eight of a row may have been written before.
func evens2() {
	TEXT("evens2", NOSPLIT, "func(dst *float32, ldd int, src *float32, lds, rows, n int)")
	Doc("evens2 is convRun.every for a stride of 2, rows > 0 and n >= 8.")
	Pragma("noescape")
	dst, ldd := strided("dst", "ldd")
	src, lds := strided("src", "lds")
	rows := Load(Param("rows"), GP64())
	n := Load(Param("n"), GP64())
	last := GP64()
	LEAQ(Mem{Base: n, Disp: -8}, last)
	Label("row")
	i := GP64()
	XORQ(i, i)
	Label("eight")
	x, y := YMM(), YMM()
	VMOVUPS(Mem{Base: src, Index: i, Scale: 8}, x)           // 0 to 7
	VMOVUPS(Mem{Base: src, Index: i, Scale: 8, Disp: 28}, y) // 7 to 14
	VSHUFPS(Imm(0xd8), y, x, x)                              // 0 2 8 10, 4 6 12 14
	VPERMPD(Imm(0xd8), x, x)
	VMOVUPS(x, Mem{Base: dst, Index: i, Scale: 4})
	CMPQ(i, last)
	JE(LabelRef("next"))
	ADDQ(Imm(8), i)
	CMPQ(i, last)
	CMOVQGT(last, i)
	JMP(LabelRef("eight"))
	Label("next")
	ADDQ(lds, src)
	ADDQ(ldd, dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}
