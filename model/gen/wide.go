package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The maps in AVX-512, with the operations of those in AVX2.

// silu512 emits silu with 16 lanes; the last vector has the lanes that exist.
func silu512() {
	TEXT("siluAVX512", NOSPLIT, "func(n int, dst, src *float32, scale, shift float32)")
	Doc("siluAVX512 is siluMapGeneric for n elements.")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	scale, shift, least, most, sign := ZMM(), ZMM(), ZMM(), ZMM(), ZMM()
	VBROADCASTSS(NewParamAddr("scale", 24), scale)
	VBROADCASTSS(NewParamAddr("shift", 28), shift)
	VBROADCASTSS(word("least87", math.Float32bits(-87)), least)
	VBROADCASTSS(word("most88", math.Float32bits(88)), most)
	VBROADCASTSS(word("minus", 1<<31), sign)
	c := loadExpConsts512()
	f := func(z reg.VecVirtual) {
		v := ZMM()
		VMULPS(scale, z, z)
		VADDPS(shift, z, z)
		VPXORD(sign, z, v)
		VMINPS(v, most, v)
		VMAXPS(v, least, v)
		c.exp(v)
		VADDPS(c.one, v, v)
		VDIVPS(v, z, z)
	}
	Label("loop")
	CMPQ(n, Imm(16))
	JB(LabelRef("rest"))
	z := ZMM()
	VMOVUPS(Mem{Base: src}, z)
	f(z)
	VMOVUPS(z, Mem{Base: dst})
	ADDQ(Imm(64), src)
	ADDQ(Imm(64), dst)
	SUBQ(Imm(16), n)
	JMP(LabelRef("loop"))
	Label("rest")
	TESTQ(n, n)
	JZ(LabelRef("done"))
	bits, k, last := GP32(), K(), ZMM()
	MOVL(U32(math.MaxUint32), bits)
	count := reg.CL
	MOVB(n.(reg.GP).As8(), count)
	SHLL(count, bits)
	NOTL(bits)
	KMOVW(bits, k)
	VMOVUPS_Z(Mem{Base: src}, k, last)
	f(last)
	VMOVUPS(last, k, Mem{Base: dst})
	Label("done")
	VZEROUPPER()
	RET()
}

// horner512 is horner of eight float64.
func horner512(name string, coefs []float64, x reg.VecVirtual) reg.VecVirtual {
	p := ZMM()
	VBROADCASTSD(vector64F(name+"0", coefs[0]), p)
	for i, c := range coefs[1:] {
		VMULPD(x, p, p)
		VADDPD_BCST(vector64F(fmt.Sprintf("%s%d", name, i+1), c), p, p)
	}
	return p
}

// geluHalf512 is geluHalf of eight float64.
func geluHalf512(z, one, zero reg.VecVirtual) {
	a, t := ZMM(), ZMM()
	VPANDQ_BCST(vector64("abs", 1<<63-1), z, a)
	VMULPD_BCST(vector64F("geluT", 0.3), a, t)
	VADDPD(one, t, t)
	VDIVPD(t, one, t)
	q := horner512("tail", geluTail, t)
	VMULPD(t, q, q)

	v, s, n, r := ZMM(), ZMM(), ZMM(), ZMM()
	VMULPD(a, a, v)
	VMULPD_BCST(vector64F("half", -0.5), v, v)
	VMULPD_BCST(vector64F("log2e", math.Log2E), v, s)
	VADDPD_BCST(vector64F("round", 3<<51), s, s)
	VSUBPD_BCST(vector64F("round", 3<<51), s, n)
	VMULPD_BCST(vector64F("ln2hi", 6.93147180369123816490e-01), n, r)
	VSUBPD(r, v, r)
	VMULPD_BCST(vector64F("ln2lo", 1.90821492927058770002e-10), n, v)
	VSUBPD(v, r, r)
	e := horner512("exp", geluExp, r)
	VPADDQ_BCST(vector64("bias", 1023), s, s)
	VPSLLQ(Imm(52), s, s)
	VMULPD(s, e, e)
	VMULPD(e, q, q)

	const notGreater, greater = 26, 30 // quiet: true and false for NaN
	some, positive := K(), K()
	VCMPPD_BCST(Imm(notGreater), vector64F("max", 14.5), a, some)
	VMOVUPD_Z(q, some, q)
	VCMPPD(Imm(greater), zero, z, positive)
	VSUBPD(q, one, positive, q)
	VMULPD(q, z, z)
}

// gelu512 emits gelu with 16 lanes.
func gelu512(gated bool) {
	n, dst, src := GP64(), GP64(), GP64()
	var gate reg.GPVirtual
	var scale, shift reg.VecVirtual
	if gated {
		TEXT("gegluAVX512", NOSPLIT, "func(n int, dst, src, gate *float32)")
		Doc("gegluAVX512 is gegluMapGeneric for n elements, a multiple of 16 above 0.")
		gate = GP64()
		Load(Param("gate"), gate)
	} else {
		TEXT("geluAVX512", NOSPLIT, "func(n int, dst, src *float32, scale, shift float32)")
		Doc("geluAVX512 is geluMapGeneric for n elements, a multiple of 16 above 0.")
		scale, shift = ZMM(), ZMM()
		VBROADCASTSS(NewParamAddr("scale", 24), scale)
		VBROADCASTSS(NewParamAddr("shift", 28), shift)
	}
	Pragma("noescape")
	Load(Param("n"), n)
	Load(Param("dst"), dst)
	Load(Param("src"), src)
	one, zero := ZMM(), ZMM()
	VBROADCASTSD(vector64F("one", 1), one)
	VXORPD(zero, zero, zero)
	Label("loop")
	z := ZMM()
	if gated {
		VMOVUPS(Mem{Base: gate}, z)
		ADDQ(Imm(64), gate)
	} else {
		VMULPS(Mem{Base: src}, scale, z)
		VADDPS(shift, z, z)
	}
	lo, hi, x := ZMM(), ZMM(), YMM()
	VCVTPS2PD(z.AsY(), lo)
	VEXTRACTF64X4(Imm(1), z, x)
	VCVTPS2PD(x, hi)
	geluHalf512(lo, one, zero)
	geluHalf512(hi, one, zero)
	VCVTPD2PS(lo, z.AsY())
	VCVTPD2PS(hi, x)
	VINSERTF64X4(Imm(1), x, z, z)
	if gated {
		VMULPS(Mem{Base: src}, z, z)
	}
	VMOVUPS(z, Mem{Base: dst})
	ADDQ(Imm(64), src)
	ADDQ(Imm(64), dst)
	SUBQ(Imm(16), n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}

// pixelMoments emits the moments of some pixels over all channels, in registers.
func (s isa) pixelMoments() {
	const vectors = 4
	lanes := s.size() / 8
	TEXT("pixelMoments"+s.name, NOSPLIT, "func(n int, sum, sq *float64, x *float32, channels, stride int)")
	Doc(fmt.Sprintf("pixelMoments%s is pixelMomentsGeneric of n pixels, a multiple of %d above 0, and channels > 0.",
		s.name, vectors*lanes))
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	sum := Load(Param("sum"), GP64())
	sq := Load(Param("sq"), GP64())
	x := Load(Param("x"), GP64())
	channels := Load(Param("channels"), GP64())
	stride := Load(Param("stride"), GP64())
	SHLQ(Imm(2), stride)
	Label("pixels")
	at, left := GP64(), GP64()
	MOVQ(x, at)
	MOVQ(channels, left)
	var a, b [vectors]reg.VecVirtual
	for i := range vectors {
		a[i], b[i] = s.reg(), s.reg()
		VXORPD(a[i], a[i], a[i])
		VXORPD(b[i], b[i], b[i])
	}
	Label("channels")
	for i := range vectors {
		v := s.reg()
		VCVTPS2PD(Mem{Base: at, Disp: i * 4 * lanes}, v)
		VADDPD(v, a[i], a[i])
		VFMADD231PD(v, v, b[i]) // the square is exact
	}
	ADDQ(stride, at)
	DECQ(left)
	JNZ(LabelRef("channels"))
	for i := range vectors {
		VMOVUPD(a[i], Mem{Base: sum, Disp: i * s.size()})
		VMOVUPD(b[i], Mem{Base: sq, Disp: i * s.size()})
	}
	ADDQ(U32(uint32(vectors*lanes*4)), x)
	ADDQ(U32(uint32(vectors*s.size())), sum)
	ADDQ(U32(uint32(vectors*s.size())), sq)
	SUBQ(Imm(uint64(vectors*lanes)), n)
	JNZ(LabelRef("pixels"))
	VZEROUPPER()
	RET()
}

// normalise512 emits normalise with 8 lanes.
func normalise512() {
	TEXT("normaliseAVX512", NOSPLIT,
		"func(n int, y, x *float32, mean, rstd *float64, gamma, beta float64)")
	Doc("normaliseAVX512 is normaliseGeneric for n elements, a multiple of 8 above 0.")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	y := Load(Param("y"), GP64())
	x := Load(Param("x"), GP64())
	mean := Load(Param("mean"), GP64())
	rstd := Load(Param("rstd"), GP64())
	gamma, beta := ZMM(), ZMM()
	VBROADCASTSD(NewParamAddr("gamma", 40), gamma)
	VBROADCASTSD(NewParamAddr("beta", 48), beta)
	at := GP64()
	XORQ(at, at)
	Label("loop")
	v, out := ZMM(), YMM()
	VCVTPS2PD(Mem{Base: x, Index: at, Scale: 4}, v)
	VSUBPD(Mem{Base: mean, Index: at, Scale: 8}, v, v)
	VMULPD(Mem{Base: rstd, Index: at, Scale: 8}, v, v)
	VMULPD(gamma, v, v)
	VADDPD(beta, v, v)
	VCVTPD2PS(v, out)
	VMOVUPS(out, Mem{Base: y, Index: at, Scale: 4})
	ADDQ(Imm(8), at)
	CMPQ(at, n)
	JB(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
