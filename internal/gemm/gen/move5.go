package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// move5 emits moveRows for AVX-512: two registers under masks hold a row.
func move5() {
	TEXT("move5", NOSPLIT, "func(dst *float32, ldd int, src *float32, lds, rows, n int)")
	Doc("move5 is moveRows for rows > 0 and n of 1 to 32.")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	ldd := Load(Param("ldd"), GP64())
	SHLQ(Imm(2), ldd)
	src := Load(Param("src"), GP64())
	lds := Load(Param("lds"), GP64())
	SHLQ(Imm(2), lds)
	rows := Load(Param("rows"), GP64())
	n := Load(Param("n"), GP64())
	mask := GP64()
	MOVQ(I32(-1), mask)
	SHLXQ(n, mask, mask)
	NOTQ(mask)
	low, high := K(), K()
	KMOVW(mask.As32(), low)
	SHRQ(Imm(16), mask)
	KMOVW(mask.As32(), high)
	Label("row")
	p, q := ZMM(), ZMM()
	VMOVUPS_Z(Mem{Base: src}, low, p)
	VMOVUPS_Z(Mem{Base: src, Disp: 64}, high, q)
	VMOVUPS(p, low, Mem{Base: dst})
	VMOVUPS(q, high, Mem{Base: dst, Disp: 64})
	ADDQ(lds, src)
	ADDQ(ldd, dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}
