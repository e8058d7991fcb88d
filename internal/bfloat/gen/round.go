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
	r := newRounding()
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
		v := ZMM()
		VMOVUPS_Z(Mem{Base: from}, mask, v)
		w := r.round(v)
		VPSRLD(Imm(16), w, w)
		VPMOVDW(w, mask, Mem{Base: to})
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

// weave5 emits Weave for AVX-512: the values of two rows become the halves of words.
func weave5() {
	TEXT("weave5", NOSPLIT, "func(dst *uint16, src *float32, pairs int)")
	Doc("weave5 is Weave for 2*pairs rows, pairs > 0.")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	pairs := Load(Param("pairs"), GP64())
	r := newRounding()
	high := ZMM()
	constant(0xffff0000, high)
	Label("loop")
	v, w := ZMM(), ZMM()
	VMOVUPS(Mem{Base: src}, v)
	VMOVUPS(Mem{Base: src, Disp: 64}, w)
	even, odd := r.round(v), r.round(w)
	VPSRLD(Imm(16), even, even)
	VPANDD(high, odd, odd)
	VPORD(even, odd, odd)
	VMOVDQU32(odd, Mem{Base: dst})
	ADDQ(Imm(128), src)
	ADDQ(Imm(64), dst)
	DECQ(pairs)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// rounding is the constants of rounding to bfloat16.
type rounding struct{ one, half, quiet reg.VecVirtual }

func newRounding() rounding {
	r := rounding{ZMM(), ZMM(), ZMM()}
	constant(1, r.one)
	constant(0x7fff, r.half)
	constant(0x400000, r.quiet)
	return r
}

// round returns words whose upper halves are the values rounded to nearest, ties to even; a NaN stays one.
func (r rounding) round(v reg.VecVirtual) reg.VecVirtual {
	w, nan := ZMM(), K()
	VPSRLD(Imm(16), v, w)
	VPANDD(r.one, w, w)
	VPADDD(r.half, w, w)
	VPADDD(v, w, w)
	VCMPPS(Imm(3), v, v, nan)
	VPORD(r.quiet, v, nan, w)
	return w
}

func constant(value uint32, v reg.VecVirtual) {
	r := GP32()
	MOVL(U32(value), r)
	VPBROADCASTD(r, v)
}
