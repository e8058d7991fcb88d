package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The layout of gpu.term on a 64-bit machine: the slice r, then k.
const (
	termSize = 32
	termK    = 24
)

// sum emits the sums of products of the fused update. The loops over the terms are inside, so that
// the sums stay in registers.
func sum() {
	TEXT("sumAVX2", NOSPLIT, "func(n int, y *float32, terms *[]float32, count int, more bool)")
	Doc("sumAVX2 is sumGeneric of n elements, a multiple of 8 above 0, and count > 0",
		"terms, the first of which begins at terms.")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	y := Load(Param("y"), GP64())
	terms := Load(Param("terms"), GP64())
	count := Load(Param("count"), GP64())
	more := Load(Param("more"), GP8())
	at := GP64()
	XORQ(at, at)
	Label("four")
	CMPQ(n, Imm(32))
	JB(LabelRef("rest"))
	sums("four", 4, y, at, terms, count, more)
	ADDQ(Imm(32), at)
	SUBQ(Imm(32), n)
	JMP(LabelRef("four"))
	Label("rest")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	Label("one")
	sums("one", 1, y, at, terms, count, more)
	ADDQ(Imm(8), at)
	SUBQ(Imm(8), n)
	JNZ(LabelRef("one"))
	Label("done")
	VZEROUPPER()
	RET()
}

// sums makes some vectors of y from element at on.
func sums(label string, vectors int, y, at, terms, count, more reg.Register) {
	element := func(base reg.Register, i int) Mem {
		return Mem{Base: base, Index: at, Scale: 4, Disp: i * avx2.size}
	}
	acc := make([]reg.VecVirtual, vectors)
	for i := range acc {
		acc[i] = YMM()
		VXORPS(acc[i], acc[i], acc[i])
	}
	TESTB(more, more)
	JZ(LabelRef(label + "_begin"))
	for i := range acc {
		VMOVUPS(element(y, i), acc[i])
	}
	Label(label + "_begin")
	t, left := GP64(), GP64()
	MOVQ(terms, t)
	MOVQ(count, left)
	Label(label + "_term")
	r, k := GP64(), YMM()
	MOVQ(Mem{Base: t}, r)
	VBROADCASTSS(Mem{Base: t, Disp: termK}, k)
	for i := range acc {
		p := YMM()
		VMULPS(element(r, i), k, p)
		VADDPS(acc[i], p, acc[i])
	}
	ADDQ(Imm(termSize), t)
	DECQ(left)
	JNZ(LabelRef(label + "_term"))
	for i := range acc {
		VMOVUPS(acc[i], element(y, i))
	}
}

// scale emits y = k*r.
func scale() {
	k := elementwise("scale", "k", "is scaleGeneric")
	eachVector(func(y, r Mem) {
		v := YMM()
		VMULPS(r, k, v)
		VMOVUPS(v, y)
	})
}

// clip emits the clip to [-c, c], c > 0. The second operand of a minimum or maximum of which one is
// NaN is the result, so NaN passes.
func clip() {
	c := elementwise("clip", "c", "is clipGeneric")
	low := YMM()
	VXORPS(bits(1<<31), c, low)
	eachVector(func(y, r Mem) {
		v := YMM()
		VMINPS(r, c, v)
		VMAXPS(v, low, v)
		VMOVUPS(v, y)
	})
}

// elementwise begins a routine, and returns its broadcast parameter.
func elementwise(name, param, doc string) reg.VecVirtual {
	TEXT(name+"AVX2", NOSPLIT, "func(n int, y *float32, "+param+" float32, r *float32)")
	Doc(name + "AVX2 " + doc + " of n elements, a multiple of 8 above 0.")
	Pragma("noescape")
	v := YMM()
	VBROADCASTSS(NewParamAddr(param, 16), v)
	return v
}

// eachVector ends a routine: f is done for each vector.
func eachVector(f func(y, r Mem)) {
	n := Load(Param("n"), GP64())
	y := Load(Param("y"), GP64())
	r := Load(Param("r"), GP64())
	at := GP64()
	XORQ(at, at)
	Label("vector")
	f(Mem{Base: y, Index: at, Scale: 4}, Mem{Base: r, Index: at, Scale: 4})
	ADDQ(Imm(8), at)
	CMPQ(at, n)
	JB(LabelRef("vector"))
	VZEROUPPER()
	RET()
}
