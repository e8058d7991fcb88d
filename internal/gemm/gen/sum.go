package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const sumSignature = "func(dst *float32, ldd int, a *float32, lda int, b *float32, ldb, rows, n int)"

// strided loads a pointer and the distance of its rows, in bytes.
func strided(name, ld string) (at, step reg.Register) {
	at, step = Load(Param(name), GP64()), Load(Param(ld), GP64())
	SHLQ(Imm(2), step)
	return at, step
}

// sum5 emits sumRows for AVX-512: two registers under masks hold a row.
func sum5() {
	TEXT("sum5", NOSPLIT, sumSignature)
	Doc("sum5 is sumRows for rows > 0 and n of 1 to 32.")
	Pragma("noescape")
	dst, ldd := strided("dst", "ldd")
	a, lda := strided("a", "lda")
	b, ldb := strided("b", "ldb")
	rows := Load(Param("rows"), GP64())
	n := Load(Param("n"), GP64())
	mask := GP64()
	MOVQ(I32(-1), mask)
	SHLXQ(n, mask, mask)
	NOTQ(mask)
	masks := [2]reg.OpmaskVirtual{K(), K()}
	KMOVW(mask.As32(), masks[0])
	SHRQ(Imm(16), mask)
	KMOVW(mask.As32(), masks[1])
	Label("row")
	for i, k := range masks {
		x := ZMM()
		VMOVUPS_Z(Mem{Base: a, Disp: 64 * i}, k, x)
		VADDPS_Z(Mem{Base: b, Disp: 64 * i}, x, k, x)
		VMOVUPS(x, k, Mem{Base: dst, Disp: 64 * i})
	}
	ADDQ(lda, a)
	ADDQ(ldb, b)
	ADDQ(ldd, dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// sum2 emits sumRows for AVX2 and whole registers.
func sum2() {
	TEXT("sum2", NOSPLIT, sumSignature)
	Doc("sum2 is sumRows for rows > 0 and n of 8 or 16.")
	Pragma("noescape")
	dst, ldd := strided("dst", "ldd")
	a, lda := strided("a", "lda")
	b, ldb := strided("b", "ldb")
	rows := Load(Param("rows"), GP64())
	n := Load(Param("n"), GP64())
	Label("row")
	add := func(disp int) {
		x := YMM()
		VMOVUPS(Mem{Base: a, Disp: disp}, x)
		VADDPS(Mem{Base: b, Disp: disp}, x, x)
		VMOVUPS(x, Mem{Base: dst, Disp: disp})
	}
	add(0)
	CMPQ(n, Imm(8))
	JE(LabelRef("next"))
	add(32)
	Label("next")
	ADDQ(lda, a)
	ADDQ(ldb, b)
	ADDQ(ldd, dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}
