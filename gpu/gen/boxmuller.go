package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// boxMuller emits uniform, radius and rotate of the package, in place.
func boxMuller() {
	TEXT("boxMullerAVX2", NOSPLIT, "func(n int, dst *float32)")
	Doc("boxMullerAVX2 makes n/16 groups of 8 pairs of normals, in place. A group is the bits of 8",
		"radii, then of 8 turns.")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	dst := Load(Param("dst"), GP64())
	Label("boxMuller")
	a, b := YMM(), YMM()
	VMOVDQU(Mem{Base: dst}, a)
	VMOVDQU(Mem{Base: dst, Disp: vecSize}, b)
	r := radius(uniform(a))
	c, s := direction(b)
	VMULPS(c, r, c)
	VMULPS(s, r, s)
	low := YMM()
	VUNPCKLPS(s, c, low)
	VUNPCKHPS(s, c, c)
	VPERM2F128(Imm(0x20), c, low, s)
	VPERM2F128(Imm(0x31), c, low, c)
	VMOVUPS(s, Mem{Base: dst})
	VMOVUPS(c, Mem{Base: dst, Disp: vecSize})
	ADDQ(Imm(2*vecSize), dst)
	SUBQ(Imm(16), n)
	JNZ(LabelRef("boxMuller"))
	VZEROUPPER()
	RET()
}

// uniform is float32(a)*2^-32 + 2^-33. AVX2 converts no unsigned integers; the halves of a, put
// behind the exponents of 2^-9 and 2^7, make their sum exactly but for the one rounding of the
// conversion, which the power of two does not change:
//
//	(2^7 + 2^-16*hi - (2^7 + 2^-9)) + (2^-9 + 2^-32*lo) = 2^-16*hi + 2^-32*lo
func uniform(a reg.VecVirtual) reg.VecVirtual {
	hi := YMM()
	VPSRLD(Imm(16), a, hi)
	VPBLENDW(Imm(0xAA), bits(0x3b000000), a, a)
	VPBLENDW(Imm(0xAA), bits(0x43000000), hi, hi)
	VSUBPS(float(0x1p7+0x1p-9), hi, hi)
	VADDPS(hi, a, a)
	VADDPS(float(0x1p-33), a, a)
	return a
}

// radius is sqrt(-2 ln u).
func radius(u reg.VecVirtual) reg.VecVirtual {
	l := ln(u)
	VMULPS(float(-2), l, l)
	VSQRTPS(l, l)
	return l
}

// ln is the logarithm of mathf.go of the package, where its operations are explained.
func ln(u reg.VecVirtual) reg.VecVirtual {
	const sqrtHalf, one = 0x3f3504f3, 0x3f800000
	e, x, z, w, t := YMM(), YMM(), YMM(), YMM(), YMM()
	VPADDD(bits(one-sqrtHalf), u, u)
	VPSRLD(Imm(23), u, e)
	VPSUBD(bits(127), e, e)
	VCVTDQ2PS(e, e)
	VPAND(bits(0x7fffff), u, x)
	VPADDD(bits(sqrtHalf), x, x)
	VSUBPS(float(1), x, x)
	VMULPS(x, x, z)
	VMULPS(z, z, w)
	p0 := linear(x, -2.4999993993e-1, 3.3333331174e-1)
	p2 := linear(x, -1.6668057665e-1, 2.0000714765e-1)
	p4 := linear(x, -1.2420140846e-1, 1.4249322787e-1)
	p6 := linear(x, -1.1514610310e-1, 1.1676998740e-1)
	VMULPS(z, p2, p2)
	VADDPS(p0, p2, p0)
	VMULPS(z, p6, p6)
	VADDPS(p4, p6, p4)
	VMULPS(float(7.0376836292e-2), w, t)
	VADDPS(p4, t, p4)
	VMULPS(w, p4, p4)
	VADDPS(p0, p4, p0)
	VMULPS(z, x, t)
	VMULPS(t, p0, p0)
	VMULPS(float(-2.12194440e-4), e, t)
	VADDPS(t, p0, p0)
	VMULPS(float(0.5), z, t)
	VSUBPS(t, p0, p0)
	VADDPS(p0, x, x)
	VMULPS(float(0.693359375), e, e)
	VADDPS(e, x, x)
	return x
}

// linear is a*x + b in a new register.
func linear(x reg.VecVirtual, a, b float64) reg.VecVirtual {
	y := YMM()
	VMULPS(float(a), x, y)
	VADDPS(float(b), y, y)
	return y
}

// direction is cos and sin of the turns b. q = b + 2^29 has the quarter in its highest two bits;
// its lowest bit swaps the two, and the signs are flipped as bits.
func direction(b reg.VecVirtual) (c, s reg.VecVirtual) {
	q, f := YMM(), YMM()
	VPADDD(bits(1<<29), b, q)
	VPAND(bits(3<<30), q, f)
	VPSUBD(f, b, f)
	VCVTDQ2PS(f, f)
	VMULPS(float(0x1.921fb6p-30), f, f)
	sine, cosine := sincos(f)
	odd := YMM()
	VPSLLD(Imm(1), q, odd)
	c, s = YMM(), YMM()
	VBLENDVPS(odd, sine, cosine, c)
	VBLENDVPS(odd, cosine, sine, s)
	VPADDD(bits(1<<30), q, odd)
	VPAND(bits(1<<31), odd, odd)
	VPXOR(odd, c, c)
	VPAND(bits(1<<31), q, q)
	VPXOR(q, s, s)
	return c, s
}

// sincos is that of mathf.go of the package.
func sincos(t reg.VecVirtual) (s, c reg.VecVirtual) {
	z, half := YMM(), YMM()
	VMULPS(t, t, z)
	s = linear(z, -1.9515295891e-4, 8.3321608736e-3)
	VMULPS(z, s, s)
	VSUBPS(float(1.6666654611e-1), s, s)
	VMULPS(z, s, s)
	VMULPS(t, s, s)
	VADDPS(t, s, s)
	c = linear(z, 2.443315711809948e-5, -1.388731625493765e-3)
	VMULPS(z, c, c)
	VADDPS(float(4.166664568298827e-2), c, c)
	VMULPS(z, c, c)
	VMULPS(z, c, c)
	VMULPS(float(0.5), z, half)
	VSUBPS(half, c, c)
	VADDPS(float(1), c, c)
	return s, c
}
