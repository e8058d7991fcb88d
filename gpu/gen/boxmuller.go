package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// boxMuller emits uniform, radius and rotate of the package, in place. As many groups as registers
// allow are made side by side: each is two long chains of operations.
func (s set) boxMuller() {
	TEXT("boxMuller"+s.name, NOSPLIT, "func(n int, dst *float32)")
	pairs, groups := s.size/4, 1
	if s.wide() {
		groups = 2
	}
	Doc(fmt.Sprintf("boxMuller%s makes n normals, a multiple of %d above 0, in place, from groups of",
		s.name, 2*pairs*groups), fmt.Sprintf("the bits of %d radii, then of %d turns.", pairs, pairs))
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	dst := Load(Param("dst"), GP64())
	at := func(i int) Mem { return Mem{Base: dst, Disp: i * s.size} }
	Label("boxMuller")
	var r, cos, sin [2]reg.VecVirtual
	var chains []*chain
	for g := range groups {
		a, b := &chain{set: s}, &chain{set: s}
		r[g] = a.radius(a.uniform(s.load(at(2 * g))))
		cos[g], sin[g] = b.direction(s.load(at(2*g + 1)))
		chains = append(chains, a, b)
	}
	interleave(chains)
	for g := range groups {
		VMULPS(cos[g], r[g], cos[g])
		VMULPS(sin[g], r[g], sin[g])
		low, high := s.zip(cos[g], sin[g])
		s.store(low, at(2*g))
		s.store(high, at(2*g+1))
	}
	ADDQ(U32(uint32(2*groups*s.size)), dst)
	SUBQ(Imm(uint64(2*groups*pairs)), n)
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
func (c *chain) uniform(a reg.VecVirtual) reg.VecVirtual {
	if c.wide() {
		c.do(VCVTUDQ2PS, a, a)
		c.do(VMULPS, float(0x1p-32), a, a)
	} else {
		hi := c.vec()
		c.do(VPSRLD, Imm(16), a, hi)
		c.then(func() { VPBLENDW(Imm(0xAA), bits(0x3b000000), a, a) })
		c.then(func() { VPBLENDW(Imm(0xAA), bits(0x43000000), hi, hi) })
		c.do(VSUBPS, float(0x1p7+0x1p-9), hi, hi)
		c.do(VADDPS, hi, a, a)
	}
	c.do(VADDPS, float(0x1p-33), a, a)
	return a
}

// radius is sqrt(-2 ln u).
func (c *chain) radius(u reg.VecVirtual) reg.VecVirtual {
	l := c.ln(u)
	c.do(VMULPS, float(-2), l, l)
	c.do(VSQRTPS, l, l)
	return l
}

// ln is the logarithm of mathf.go of the package, where its operations are explained.
func (c *chain) ln(u reg.VecVirtual) reg.VecVirtual {
	const sqrtHalf, one = 0x3f3504f3, 0x3f800000
	e, x, z, w, t := c.vec(), c.vec(), c.vec(), c.vec(), c.vec()
	c.do(VPADDD, bits(one-sqrtHalf), u, u)
	if c.wide() {
		c.do(VGETEXPPS, u, e)
	} else {
		c.do(VPSRLD, Imm(23), u, e)
		c.do(VPSUBD, bits(127), e, e)
		c.do(VCVTDQ2PS, e, e)
	}
	c.and(bits(0x7fffff), u, x)
	c.do(VPADDD, bits(sqrtHalf), x, x)
	c.do(VSUBPS, float(1), x, x)
	c.do(VMULPS, x, x, z)
	c.do(VMULPS, z, z, w)
	p0 := c.linear(x, -2.4999993993e-1, 3.3333331174e-1)
	p2 := c.linear(x, -1.6668057665e-1, 2.0000714765e-1)
	p4 := c.linear(x, -1.2420140846e-1, 1.4249322787e-1)
	p6 := c.linear(x, -1.1514610310e-1, 1.1676998740e-1)
	c.do(VMULPS, z, p2, p2)
	c.do(VADDPS, p0, p2, p0)
	c.do(VMULPS, z, p6, p6)
	c.do(VADDPS, p4, p6, p4)
	c.do(VMULPS, float(7.0376836292e-2), w, t)
	c.do(VADDPS, p4, t, p4)
	c.do(VMULPS, w, p4, p4)
	c.do(VADDPS, p0, p4, p0)
	c.do(VMULPS, z, x, t)
	c.do(VMULPS, t, p0, p0)
	c.do(VMULPS, float(-2.12194440e-4), e, t)
	c.do(VADDPS, t, p0, p0)
	c.do(VMULPS, float(0.5), z, t)
	c.do(VSUBPS, t, p0, p0)
	c.do(VADDPS, p0, x, x)
	c.do(VMULPS, float(0.693359375), e, e)
	c.do(VADDPS, e, x, x)
	return x
}

// linear is a*x + b in a new register.
func (c *chain) linear(x reg.VecVirtual, a, b float64) reg.VecVirtual {
	y := c.vec()
	c.do(VMULPS, float(a), x, y)
	c.do(VADDPS, float(b), y, y)
	return y
}

// direction is cos and sin of the turns b. q = b + 2^29 has the quarter in its highest two bits,
// the lower of which swaps the two; the signs are flipped as bits.
func (c *chain) direction(b reg.VecVirtual) (cos, sin reg.VecVirtual) {
	q, f := c.vec(), c.vec()
	c.do(VPADDD, bits(1<<29), b, q)
	c.and(bits(3<<30), q, f)
	c.do(VPSUBD, f, b, f)
	c.do(VCVTDQ2PS, f, f)
	c.do(VMULPS, float(0x1.921fb6p-30), f, f)
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
	z, half := c.vec(), c.vec()
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
	c.do(VMULPS, float(0.5), z, half)
	c.do(VSUBPS, half, cos, cos)
	c.do(VADDPS, float(1), cos, cos)
	return sin, cos
}
