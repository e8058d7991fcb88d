package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// pack5 emits packRows for AVX-512: 16 values of each row are a square that is transposed in
// registers. Rows behind the last one are the last one again, and are not stored.
func pack5() {
	TEXT("pack5", NOSPLIT, "func(dst, a *float32, rows, kn, lda int)")
	Doc("pack5 is packRows for 1 to 16 rows and kn > 0.")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	a := Load(Param("a"), GP64())
	rows := Load(Param("rows"), GP64())
	kn := Load(Param("kn"), GP64())
	lda := Load(Param("lda"), GP64())
	SHLQ(Imm(2), lda)
	height := GP64()
	MOVQ(rows, height)
	SHLQ(Imm(2), height)
	column, valid := K(), K()
	lowBits(rows, column)
	zero, whole := GP64(), GP64()
	XORQ(zero, zero)
	MOVQ(I32(16), whole)
	Label("square")
	count := GP64()
	MOVQ(kn, count)
	CMPQ(count, whole)
	CMOVQGT(whole, count)
	lowBits(count, valid)
	var x [16]reg.VecVirtual
	at, step := GP64(), GP64()
	MOVQ(a, at)
	for r := range x {
		x[r] = ZMM()
		VMOVUPS_Z(Mem{Base: at}, valid, x[r])
		if r < len(x)-1 {
			MOVQ(lda, step)
			CMPQ(rows, Imm(uint64(r+1)))
			CMOVQLE(zero, step)
			ADDQ(step, at)
		}
	}
	for _, v := range transpose16(x) {
		VMOVUPS(v, column, Mem{Base: dst})
		ADDQ(height, dst)
		DECQ(kn)
		JZ(LabelRef("done"))
	}
	ADDQ(Imm(64), a)
	JMP(LabelRef("square"))
	Label("done")
	VZEROUPPER()
	RET()
}

// lowBits sets the n lowest bits of a mask, n being 1 to 16.
func lowBits(n reg.Register, mask reg.Register) {
	bits := GP64()
	MOVQ(I32(-1), bits)
	SHLXQ(n, bits, bits)
	NOTQ(bits)
	KMOVW(bits.As32(), mask)
}

// transpose16 turns 16 rows of 16 into the columns.
func transpose16(x [16]reg.VecVirtual) [16]reg.VecVirtual {
	two := func(op func(...Op), p, q reg.VecVirtual) reg.VecVirtual {
		z := ZMM()
		op(q, p, z)
		return z
	}
	var quads [16]reg.VecVirtual // [4*g+i]: columns i, 4+i, 8+i, 12+i of rows 4g to 4g+3
	for g := 0; g < 16; g += 4 {
		lo0, hi0 := two(VUNPCKLPS, x[g], x[g+1]), two(VUNPCKHPS, x[g], x[g+1])
		lo1, hi1 := two(VUNPCKLPS, x[g+2], x[g+3]), two(VUNPCKHPS, x[g+2], x[g+3])
		quads[g], quads[g+1] = two(VUNPCKLPD, lo0, lo1), two(VUNPCKHPD, lo0, lo1)
		quads[g+2], quads[g+3] = two(VUNPCKLPD, hi0, hi1), two(VUNPCKHPD, hi0, hi1)
	}
	lanes := func(which uint64, p, q reg.VecVirtual) reg.VecVirtual {
		z := ZMM()
		VSHUFF32X4(Imm(which), q, p, z)
		return z
	}
	const even, odd = 0x88, 0xdd
	var y [16]reg.VecVirtual
	for i := range 4 {
		top0, top1 := lanes(even, quads[i], quads[4+i]), lanes(odd, quads[i], quads[4+i])
		low0, low1 := lanes(even, quads[8+i], quads[12+i]), lanes(odd, quads[8+i], quads[12+i])
		y[i], y[8+i] = lanes(even, top0, low0), lanes(odd, top0, low0)
		y[4+i], y[12+i] = lanes(even, top1, low1), lanes(odd, top1, low1)
	}
	return y
}

// pack2 emits packRows for AVX2, eight values of each row at a time. A column is stored as a
// whole register: what is too much is overwritten by the next one.
func pack2() {
	TEXT("pack2", NOSPLIT, "func(dst, a *float32, rows, blocks, lda int)")
	Doc("pack2 is packRows for 1 to 6 rows and blocks > 0 of eight values; dst has eight floats more.")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	a := Load(Param("a"), GP64())
	rows := Load(Param("rows"), GP64())
	blocks := Load(Param("blocks"), GP64())
	lda := Load(Param("lda"), GP64())
	SHLQ(Imm(2), lda)
	height := GP64()
	MOVQ(rows, height)
	SHLQ(Imm(2), height)
	zero := GP64()
	XORQ(zero, zero)
	const tall = 6
	var steps [tall - 1]reg.GPVirtual
	for r := range steps {
		steps[r] = GP64()
		MOVQ(lda, steps[r])
		CMPQ(rows, Imm(uint64(r+1)))
		CMOVQLE(zero, steps[r])
	}
	Label("block")
	var x [tall]reg.VecVirtual
	at := GP64()
	MOVQ(a, at)
	for r := range x {
		x[r] = YMM()
		VMOVUPS(Mem{Base: at}, x[r])
		if r < len(steps) {
			ADDQ(steps[r], at)
		}
	}
	two := func(op func(...Op), p, q reg.VecVirtual) reg.VecVirtual {
		z := YMM()
		op(q, p, z)
		return z
	}
	lo0, hi0 := two(VUNPCKLPS, x[0], x[1]), two(VUNPCKHPS, x[0], x[1])
	lo1, hi1 := two(VUNPCKLPS, x[2], x[3]), two(VUNPCKHPS, x[2], x[3])
	top := [4]reg.VecVirtual{
		two(VUNPCKLPD, lo0, lo1), two(VUNPCKHPD, lo0, lo1), two(VUNPCKLPD, hi0, hi1), two(VUNPCKHPD, hi0, hi1),
	}
	lo, hi := two(VUNPCKLPS, x[4], x[5]), two(VUNPCKHPS, x[4], x[5])
	low := [4]reg.VecVirtual{ // the upper half of each 128 bits is not stored for good
		lo, two(VUNPCKHPD, lo, lo), hi, two(VUNPCKHPD, hi, hi),
	}
	for half := range 2 {
		for i := range 4 {
			y := YMM()
			VPERM2F128(Imm([...]uint64{0x20, 0x31}[half]), low[i], top[i], y)
			VMOVUPS(y, Mem{Base: dst})
			ADDQ(height, dst)
		}
	}
	ADDQ(Imm(32), a)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	VZEROUPPER()
	RET()
}
