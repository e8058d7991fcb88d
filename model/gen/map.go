package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// each emits dst[i] = f(src[i], ...) for n elements, any number: vectors of the whole width,
// then one of which only the lanes that exist are read and written. f may return an operand.
func each(n, dst reg.Register, srcs []reg.GPVirtual,
	f func(x []reg.VecVirtual) reg.VecVirtual) {
	at, whole := GP64(), GP64()
	element := func(base reg.Register) Mem { return Mem{Base: base, Index: at, Scale: 1} }
	operands := func(load func(m Mem, x reg.VecVirtual)) []reg.VecVirtual {
		x := make([]reg.VecVirtual, len(srcs))
		for i, src := range srcs {
			x[i] = YMM()
			load(element(src), x[i])
		}
		return x
	}
	XORQ(at, at)
	MOVQ(n, whole)
	SHLQ(Imm(2), whole) // bytes
	ANDQ(I32(-32), whole)
	JZ(LabelRef("rest"))
	Label("loop")
	y := f(operands(func(m Mem, x reg.VecVirtual) { VMOVUPS(m, x) }))
	VMOVUPS(y, element(dst))
	ADDQ(Imm(32), at)
	CMPQ(at, whole)
	JNE(LabelRef("loop"))
	Label("rest")
	ANDQ(Imm(7), n)
	JZ(LabelRef("done"))
	load, store := part(n)
	y = f(operands(load))
	store(y, element(dst))
	Label("done")
	VZEROUPPER()
	RET()
}

// part returns loads, which read zeros elsewhere, and stores of the first n lanes of a vector.
func part(n reg.Register) (load func(m Mem, x reg.VecVirtual), store func(x reg.VecVirtual, m Mem)) {
	table, mask := GP64(), YMM()
	LEAQ(partTable(), table)
	NEGQ(n)
	VMOVUPS(Mem{Base: table, Index: n, Scale: 4, Disp: 32}, mask)
	return func(m Mem, x reg.VecVirtual) { VMASKMOVPS(m, mask, x) },
		func(x reg.VecVirtual, m Mem) { VMASKMOVPS(x, mask, m) }
}

// partTable is eight words of ones and eight of zeros.
func partTable() Mem {
	const sym = "part_mask"
	if _, ok := constants[sym]; !ok {
		constants[sym] = 0
		GLOBL(sym, RODATA|NOPTR)
		for i := range 16 {
			DATA(4*i, U32(math.MaxUint32*uint32((15-i)/8)))
		}
	}
	return NewDataAddr(Symbol{Name: sym, Static: true}, 0)
}

// loadScaled loads the operands of a map of x*scale + shift, and returns that sum.
func loadScaled() (n, dst, src reg.GPVirtual, scaled func(x reg.VecVirtual)) {
	n, dst, src = GP64(), GP64(), GP64()
	Load(Param("n"), n)
	Load(Param("dst"), dst)
	Load(Param("src"), src)
	scale, shift := YMM(), YMM()
	VBROADCASTSS(NewParamAddr("scale", 24), scale)
	VBROADCASTSS(NewParamAddr("shift", 28), shift)
	return n, dst, src, func(x reg.VecVirtual) {
		VMULPS(scale, x, x)
		VADDPS(shift, x, x)
	}
}

// affine emits y = x*scale + shift.
func affine() {
	TEXT("affineAVX2", NOSPLIT, "func(n int, dst, src *float32, scale, shift float32)")
	Doc("affineAVX2 is affineMapGeneric for n elements.")
	Pragma("noescape")
	n, dst, src, scaled := loadScaled()
	each(n, dst, []reg.GPVirtual{src}, func(x []reg.VecVirtual) reg.VecVirtual {
		scaled(x[0])
		return x[0]
	})
}

// silu emits y = z / (1 + exp(-z)), z = x*scale + shift.
func silu() {
	TEXT("siluAVX2", NOSPLIT, "func(n int, dst, src *float32, scale, shift float32)")
	Doc("siluAVX2 is siluMapGeneric for n elements.")
	Pragma("noescape")
	n, dst, src, scaled := loadScaled()
	c := loadExpConsts()
	each(n, dst, []reg.GPVirtual{src}, func(x []reg.VecVirtual) reg.VecVirtual {
		z, v := x[0], YMM()
		scaled(z)
		VXORPS(vector("sign", 1<<31), z, v)
		limits(v, 88, -87)
		c.exp(v)
		VADDPS(c.one, v, v)
		VDIVPS(v, z, z)
		return z
	})
}

// sum emits y = a + b.
func sum() {
	TEXT("sumAVX2", NOSPLIT, "func(n int, dst, a, b *float32)")
	Doc("sumAVX2 is sumMapGeneric for n elements.")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	dst := Load(Param("dst"), GP64())
	a, b := GP64(), GP64()
	Load(Param("a"), a)
	Load(Param("b"), b)
	each(n, dst, []reg.GPVirtual{a, b}, func(x []reg.VecVirtual) reg.VecVirtual {
		VADDPS(x[1], x[0], x[0])
		return x[0]
	})
}
