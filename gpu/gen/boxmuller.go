package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// boxMuller emits uniform, radius and rotate of the package, in place.
func (s set) boxMuller() {
	TEXT("boxMuller"+s.name, NOSPLIT, "func(n int, dst *float32)")
	pairs := s.size / 4
	Doc(fmt.Sprintf("boxMuller%s makes n/%d groups of %d pairs of normals, in place. A group is the bits",
		s.name, 2*pairs, pairs), fmt.Sprintf("of %d radii, then of %d turns.", pairs, pairs))
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	dst := Load(Param("dst"), GP64())
	second := Mem{Base: dst, Disp: s.size}
	Label("boxMuller")
	r := s.radius(s.uniform(s.load(Mem{Base: dst})))
	cos, sin := s.direction(s.load(second))
	VMULPS(cos, r, cos)
	VMULPS(sin, r, sin)
	low, high := s.zip(cos, sin)
	s.store(low, Mem{Base: dst})
	s.store(high, second)
	ADDQ(U32(uint32(2*s.size)), dst)
	SUBQ(Imm(uint64(2*pairs)), n)
	JNZ(LabelRef("boxMuller"))
	VZEROUPPER()
	RET()
}

// zip returns a0, b0, a1, b1, ...; a and b are lost.
func (s set) zip(a, b reg.VecVirtual) (low, high reg.VecVirtual) {
	if s.wide() {
		index := func(first int) Mem {
			return constant(fmt.Sprintf("zip_%d", first), func(i int) uint32 {
				return uint32(first + i/2 + 16*(i%2))
			})
		}
		low = s.load(index(0))
		VPERMI2PS(b, a, low)
		VPERMT2PS(b, s.load(index(8)), a)
		return low, a
	}
	even, odd := s.vec(), s.vec()
	VUNPCKLPS(b, a, even)
	VUNPCKHPS(b, a, odd)
	VPERM2F128(Imm(0x20), odd, even, a)
	VPERM2F128(Imm(0x31), odd, even, b)
	return a, b
}

// uniform is float32(a)*2^-32 + 2^-33. AVX2 converts no unsigned integers; the halves of a, put
// behind the exponents of 2^-9 and 2^7, make the product exactly but for the one rounding of the
// conversion, which a power of two does not change:
//
//	(2^7 + 2^-16*hi - (2^7 + 2^-9)) + (2^-9 + 2^-32*lo) = 2^-16*hi + 2^-32*lo
func (s set) uniform(a reg.VecVirtual) reg.VecVirtual {
	if s.wide() {
		VCVTUDQ2PS(a, a)
		VMULPS(float(0x1p-32), a, a)
	} else {
		hi := s.vec()
		VPSRLD(Imm(16), a, hi)
		VPBLENDW(Imm(0xAA), bits(0x3b000000), a, a)
		VPBLENDW(Imm(0xAA), bits(0x43000000), hi, hi)
		VSUBPS(float(0x1p7+0x1p-9), hi, hi)
		VADDPS(hi, a, a)
	}
	VADDPS(float(0x1p-33), a, a)
	return a
}

// radius is sqrt(-2 ln u).
func (s set) radius(u reg.VecVirtual) reg.VecVirtual {
	l := s.ln(u)
	VMULPS(float(-2), l, l)
	VSQRTPS(l, l)
	return l
}

// ln is the logarithm of mathf.go of the package, where its operations are explained.
func (s set) ln(u reg.VecVirtual) reg.VecVirtual {
	const sqrtHalf, one = 0x3f3504f3, 0x3f800000
	e, x, z, w, t := s.vec(), s.vec(), s.vec(), s.vec(), s.vec()
	VPADDD(bits(one-sqrtHalf), u, u)
	if s.wide() {
		VGETEXPPS(u, e)
	} else {
		VPSRLD(Imm(23), u, e)
		VPSUBD(bits(127), e, e)
		VCVTDQ2PS(e, e)
	}
	s.and(bits(0x7fffff), u, x)
	VPADDD(bits(sqrtHalf), x, x)
	VSUBPS(float(1), x, x)
	VMULPS(x, x, z)
	VMULPS(z, z, w)
	p0 := s.linear(x, -2.4999993993e-1, 3.3333331174e-1)
	p2 := s.linear(x, -1.6668057665e-1, 2.0000714765e-1)
	p4 := s.linear(x, -1.2420140846e-1, 1.4249322787e-1)
	p6 := s.linear(x, -1.1514610310e-1, 1.1676998740e-1)
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
func (s set) linear(x reg.VecVirtual, a, b float64) reg.VecVirtual {
	y := s.vec()
	VMULPS(float(a), x, y)
	VADDPS(float(b), y, y)
	return y
}

// direction is cos and sin of the turns b. q = b + 2^29 has the quarter in its highest two bits;
// its lowest bit swaps the two, and the signs are flipped as bits.
func (s set) direction(b reg.VecVirtual) (cos, sin reg.VecVirtual) {
	q, f := s.vec(), s.vec()
	VPADDD(bits(1<<29), b, q)
	s.and(bits(3<<30), q, f)
	VPSUBD(f, b, f)
	VCVTDQ2PS(f, f)
	VMULPS(float(0x1.921fb6p-30), f, f)
	sf, cf := s.sincos(f)
	cos, sin = s.vec(), s.vec()
	odd := s.vec()
	if s.wide() {
		k := K()
		VPTESTMD(bits(1<<30), q, k)
		VBLENDMPS(sf, cf, k, cos)
		VBLENDMPS(cf, sf, k, sin)
	} else {
		VPSLLD(Imm(1), q, odd)
		VBLENDVPS(odd, sf, cf, cos)
		VBLENDVPS(odd, cf, sf, sin)
	}
	VPADDD(bits(1<<30), q, odd)
	s.xorSign(odd, cos)
	s.xorSign(q, sin)
	return cos, sin
}

// sincos is that of mathf.go of the package.
func (s set) sincos(t reg.VecVirtual) (sin, cos reg.VecVirtual) {
	z, half := s.vec(), s.vec()
	VMULPS(t, t, z)
	sin = s.linear(z, -1.9515295891e-4, 8.3321608736e-3)
	VMULPS(z, sin, sin)
	VSUBPS(float(1.6666654611e-1), sin, sin)
	VMULPS(z, sin, sin)
	VMULPS(t, sin, sin)
	VADDPS(t, sin, sin)
	cos = s.linear(z, 2.443315711809948e-5, -1.388731625493765e-3)
	VMULPS(z, cos, cos)
	VADDPS(float(4.166664568298827e-2), cos, cos)
	VMULPS(z, cos, cos)
	VMULPS(z, cos, cos)
	VMULPS(float(0.5), z, half)
	VSUBPS(half, cos, cos)
	VADDPS(float(1), cos, cos)
	return sin, cos
}
