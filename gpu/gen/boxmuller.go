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
	Doc(fmt.Sprintf("boxMuller%s makes n normals, a multiple of %d above 0, in place, from groups of",
		s.name, 2*pairs), fmt.Sprintf("the bits of %d radii, then of %d turns.", pairs, pairs))
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	dst := Load(Param("dst"), GP64())
	at := func(i int) Mem { return Mem{Base: dst, Disp: i * s.size} }
	Label("boxMuller")
	a, b := &chain{set: s}, &chain{set: s}
	r := a.radius(a.square(a.uniform(s.load(at(0)), nil)))
	cos, sin := b.direction(s.load(at(1)))
	interleave([]*chain{a, b})
	VMULPS(cos, r, cos)
	VMULPS(sin, r, sin)
	low, high := s.zip(cos, sin)
	s.store(low, at(0))
	s.store(high, at(1))
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

// A product by a power of two is exact, so that adding to it is one rounding, fused or not. Such products are fused
// here, and the others are not.

// uniform is float32(a)*2^-32 + 2^-33. AVX2 converts no unsigned integers; the halves of a, put
// behind the exponents of 2^-9 and 2^7, make the product exactly but for the one rounding of the
// conversion, which a power of two does not change; AVX-512 has half = 2^-33:
//
//	(2^7 + 2^-16*hi - (2^7 + 2^-9)) + (2^-9 + 2^-32*lo) = 2^-16*hi + 2^-32*lo
func (c *chain) uniform(a, half reg.VecVirtual) reg.VecVirtual {
	if c.wide() {
		c.do(VCVTUDQ2PS, a, a)
		c.do(VFMADD132PS, float(0x1p-32), half, a)
		return a
	}
	hi := c.vec()
	c.do(VPSRLD, Imm(16), a, hi)
	c.then(func() { VPBLENDW(Imm(0xAA), bits(0x3b000000), a, a) })
	c.then(func() { VPBLENDW(Imm(0xAA), bits(0x43000000), hi, hi) })
	c.do(VSUBPS, float(0x1p7+0x1p-9), hi, hi)
	c.do(VADDPS, hi, a, a)
	c.do(VADDPS, float(0x1p-33), a, a)
	return a
}

// square is -2 ln u, with ln u as mathf.go of the package explains it: the sum of x and e*ln2. Here all sums are
// doubled, up to the last, which is
//
//	-2 ln u = -(2*p + 2*x) - e*2*hi(ln2)
//
// and 2^23*e comes from the exponent's bits.
func (c *chain) square(u reg.VecVirtual) square {
	const sqrtHalf, exponent = 0x3f3504f3, 0x7f800000 | 1<<31
	e, x, z, w, t := c.vec(), c.vec(), c.vec(), c.vec(), c.vec()
	c.do(VPSUBD, bits(sqrtHalf), u, e)
	c.and(bits(exponent), e, e)
	c.do(VPSUBD, e, u, x)
	c.do(VCVTDQ2PS, e, e)
	c.do(VSUBPS, float(1), x, x)
	c.do(VMULPS, x, x, z)
	c.do(VMULPS, z, z, w)
	p0 := c.linear(x, 2*-2.4999993993e-1, 2*3.3333331174e-1)
	p2 := c.linear(x, 2*-1.6668057665e-1, 2*2.0000714765e-1)
	p4 := c.linear(x, 2*-1.2420140846e-1, 2*1.4249322787e-1)
	p6 := c.linear(x, 2*-1.1514610310e-1, 2*1.1676998740e-1)
	c.do(VMULPS, z, p2, p2)
	c.do(VADDPS, p0, p2, p0)
	c.do(VMULPS, z, p6, p6)
	c.do(VADDPS, p4, p6, p4)
	c.do(VMULPS, float(2*7.0376836292e-2), w, t)
	c.do(VADDPS, p4, t, p4)
	c.do(VMULPS, w, p4, p4)
	c.do(VADDPS, p0, p4, p0)
	c.do(VMULPS, z, x, t)
	c.do(VMULPS, t, p0, p0)
	c.do(VMULPS, float(2*-2.12194440e-4*0x1p-23), e, t)
	c.do(VADDPS, t, p0, p0)
	c.do(VSUBPS, z, p0, p0)
	return square{p0, x, e}
}

// square is -2 ln u but for its two last sums, which radius makes in p.
type square struct{ p, x, e reg.VecVirtual }

// radius is the root of a square.
func (c *chain) radius(s square) reg.VecVirtual {
	c.do(VFMADD231PS, float(2), s.x, s.p)
	c.do(VFNMSUB231PS, float(2*0.693359375*0x1p-23), s.e, s.p) // 9 bits by 6: exact too
	c.sqrt(s.p)
	return s.p
}

// sqrt is y = sqrt(y). Two roots of half the width cost others' products much less than one of the whole: 60 products
// take a third longer beside that.
func (c *chain) sqrt(y reg.VecVirtual) {
	if !c.wide() {
		c.do(VSQRTPS, y, y)
		return
	}
	high := YMM()
	c.do(VEXTRACTF64X4, Imm(1), y, high)
	c.then(func() { VSQRTPS(y.AsY(), y.AsY()) })
	c.do(VSQRTPS, high, high)
	c.do(VINSERTF64X4, Imm(1), high, y, y)
}

// linear is a*x + b in a new register.
func (c *chain) linear(x reg.VecVirtual, a, b float64) reg.VecVirtual {
	y := c.vec()
	c.do(VMULPS, float(a), x, y)
	c.do(VADDPS, float(b), y, y)
	return y
}

// direction is cos and sin of the turns b. q = b + 2^29 has the quarter in its highest two bits,
// the lower of which swaps the two; the signs are flipped as bits. The lower 30 bits of b, signed, are the angle.
func (c *chain) direction(b reg.VecVirtual) (cos, sin reg.VecVirtual) {
	q, f := c.vec(), c.vec()
	c.do(VPSLLD, Imm(2), b, f)
	c.do(VCVTDQ2PS, f, f)
	c.do(VPADDD, bits(1<<29), b, q)
	c.do(VMULPS, float(0x1.921fb6p-32), f, f)
	sf, cf := c.sincos(f)
	cos, sin, odd := c.vec(), c.vec(), c.vec()
	if c.wide() {
		k := K()
		c.do(VPTESTMD, bits(1<<30), q, k)
		c.do(VBLENDMPS, sf, cf, k, cos)
		c.do(VBLENDMPS, cf, sf, k, sin)
	} else {
		c.do(VPSLLD, Imm(1), q, odd)
		c.then(func() { VBLENDVPS(odd, sf, cf, cos) })
		c.then(func() { VBLENDVPS(odd, cf, sf, sin) })
	}
	c.do(VPADDD, bits(1<<30), q, odd)
	c.xorSign(odd, cos)
	c.xorSign(q, sin)
	return cos, sin
}

// sincos is that of mathf.go of the package.
func (c *chain) sincos(t reg.VecVirtual) (sin, cos reg.VecVirtual) {
	z := c.vec()
	c.do(VMULPS, t, t, z)
	sin = c.linear(z, -1.9515295891e-4, 8.3321608736e-3)
	c.do(VMULPS, z, sin, sin)
	c.do(VSUBPS, float(1.6666654611e-1), sin, sin)
	c.do(VMULPS, z, sin, sin)
	c.do(VMULPS, t, sin, sin)
	c.do(VADDPS, t, sin, sin)
	cos = c.linear(z, 2.443315711809948e-5, -1.388731625493765e-3)
	c.do(VMULPS, z, cos, cos)
	c.do(VADDPS, float(4.166664568298827e-2), cos, cos)
	c.do(VMULPS, z, cos, cos)
	c.do(VMULPS, z, cos, cos)
	c.do(VFNMADD231PS, float(0.5), z, cos)
	c.do(VADDPS, float(1), cos, cos)
	return sin, cos
}
