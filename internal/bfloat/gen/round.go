package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// round5 emits roundRows for AVX-512: 16 values at a time, the last ones of a row under a mask.
func round5() {
	TEXT("round5", NOSPLIT, "func(dst *uint16, ldd int, src *float32, lds, rows, n int)")
	Doc("round5 is roundRows for rows, n > 0.")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	ldd := Load(Param("ldd"), GP64())
	ADDQ(ldd, ldd)
	src := Load(Param("src"), GP64())
	lds := Load(Param("lds"), GP64())
	SHLQ(Imm(2), lds)
	rows := Load(Param("rows"), GP64())
	n := Load(Param("n"), GP64())
	one, half, quiet := ZMM(), ZMM(), ZMM()
	constant(1, one)
	constant(0x7fff, half)
	constant(0x400000, quiet)
	all, last := K(), K()
	KXNORW(all, all, all)
	bits, rest := GP64(), GP64()
	MOVQ(n, rest)
	ANDQ(Imm(15), rest)
	MOVQ(I32(-1), bits)
	SHLXQ(rest, bits, bits)
	NOTQ(bits)
	KMOVW(bits.As32(), last)
	SHRQ(Imm(4), n)
	from, to, left := GP64(), GP64(), GP64()
	round := func(mask reg.Register) {
		v, r := ZMM(), ZMM()
		VMOVUPS_Z(Mem{Base: from}, mask, v)
		VPSRLD(Imm(16), v, r)
		VPANDD(one, r, r)
		VPADDD(half, r, r)
		VPADDD(v, r, r)
		nan := K()
		VCMPPS(Imm(3), v, v, nan)
		VPORD(quiet, v, nan, r)
		VPSRLD(Imm(16), r, r)
		VPMOVDW(r, mask, Mem{Base: to})
	}
	Label("row")
	MOVQ(src, from)
	MOVQ(dst, to)
	MOVQ(n, left)
	TESTQ(left, left)
	JZ(LabelRef("rest"))
	Label("loop")
	round(all)
	ADDQ(Imm(64), from)
	ADDQ(Imm(32), to)
	DECQ(left)
	JNZ(LabelRef("loop"))
	Label("rest")
	TESTQ(rest, rest)
	JZ(LabelRef("next"))
	round(last)
	Label("next")
	ADDQ(lds, src)
	ADDQ(ldd, dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

func constant(value uint32, v reg.VecVirtual) {
	r := GP32()
	MOVL(U32(value), r)
	VPBROADCASTD(r, v)
}
