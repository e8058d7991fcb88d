package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The coefficients of geluGeneric (kernels_gelu.go of the package), highest powers first.
var (
	geluTail = []float64{
		-0.020956024236529876, 0.11425745295144049, -0.23252440731632124, 0.19755058456609897,
		-0.08421348151641847, 0.09871138234526548, 0.07751790107697595, 0.11041841109557173,
		0.11955043147351706, 0.1196877476912642,
	}
	geluExp = []float64{
		0.0013941118895837, 0.008375134774624326, 0.04166635277111221, 0.16666415414041177,
		0.5000000047146057, 1.0000000377388714, 1,
	}
)

// vector64 returns a memory operand with four copies of a 64-bit constant.
func vector64(name string, bits uint64) Mem {
	sym := "quad_" + name
	if _, ok := constants[sym]; !ok {
		constants[sym] = 0
		GLOBL(sym, RODATA|NOPTR)
		for i := range 4 {
			DATA(8*i, U64(bits))
		}
	}
	return NewDataAddr(Symbol{Name: sym, Static: true}, 0)
}

func vector64F(name string, v float64) Mem { return vector64(name, math.Float64bits(v)) }

// horner emits the polynomial of x with the given coefficients. The first is loaded.
func horner(name string, coefs []float64, x reg.VecVirtual) reg.VecVirtual {
	p := YMM()
	VMOVUPD(vector64F(name+"0", coefs[0]), p)
	for i, c := range coefs[1:] {
		VMULPD(x, p, p)
		VADDPD(vector64F(fmt.Sprintf("%s%d", name, i+1), c), p, p)
	}
	return p
}

// geluHalf replaces four float64 z by z*P(z), in the order of gelu in Go.
func geluHalf(z reg.VecVirtual) {
	a, t, one := YMM(), YMM(), YMM()
	VANDPD(vector64("abs", 1<<63-1), z, a)
	VMULPD(vector64F("geluT", 0.3), a, t)
	VMOVUPD(vector64F("one", 1), one)
	VADDPD(one, t, t)
	VDIVPD(t, one, t)
	q := horner("tail", geluTail, t)
	VMULPD(t, q, q)

	v, s, n, r := YMM(), YMM(), YMM(), YMM()
	VMULPD(a, a, v)
	VMULPD(vector64F("half", -0.5), v, v)
	VMULPD(vector64F("log2e", math.Log2E), v, s)
	VADDPD(vector64F("round", 3<<51), s, s)
	VSUBPD(vector64F("round", 3<<51), s, n)
	VMULPD(vector64F("ln2hi", 6.93147180369123816490e-01), n, r)
	VSUBPD(r, v, r)
	VMULPD(vector64F("ln2lo", 1.90821492927058770002e-10), n, v)
	VSUBPD(v, r, r)
	e := horner("exp", geluExp, r)
	VPADDQ(vector64("bias", 1023), s, s)
	VPSLLQ(Imm(52), s, s)
	VMULPD(s, e, e)
	VMULPD(e, q, q)

	const greater = 30 // quiet: false for NaN
	VCMPPD(Imm(greater), vector64F("max", 14.5), a, a)
	VANDNPD(q, a, q)
	VXORPD(a, a, a)
	VCMPPD(Imm(greater), a, z, a)
	VSUBPD(q, one, v)
	VBLENDVPD(a, v, q, q)
	VMULPD(q, z, z)
}

// gelu emits y = z*P(z) with z = x*scale + shift, or, gated, y = x*z*P(z) with z the gate.
func gelu(gated bool) {
	n, dst, src := GP64(), GP64(), GP64()
	var gate reg.GPVirtual
	var scale, shift reg.VecVirtual
	if gated {
		TEXT("gegluAVX2", NOSPLIT, "func(n int, dst, src, gate *float32)")
		Doc("gegluAVX2 is gegluMapGeneric for n elements, a multiple of 8.")
		gate = GP64()
		Load(Param("gate"), gate)
	} else {
		TEXT("geluAVX2", NOSPLIT, "func(n int, dst, src *float32, scale, shift float32)")
		Doc("geluAVX2 is geluMapGeneric for n elements, a multiple of 8.")
		scale, shift = YMM(), YMM()
		VBROADCASTSS(NewParamAddr("scale", 24), scale)
		VBROADCASTSS(NewParamAddr("shift", 28), shift)
	}
	Pragma("noescape")
	Load(Param("n"), n)
	Load(Param("dst"), dst)
	Load(Param("src"), src)
	SHRQ(Imm(3), n)
	JZ(LabelRef("done"))
	Label("loop")
	z := YMM()
	if gated {
		VMOVUPS(Mem{Base: gate}, z)
		ADDQ(Imm(32), gate)
	} else {
		VMULPS(Mem{Base: src}, scale, z)
		VADDPS(shift, z, z)
	}
	lo, hi, x := YMM(), YMM(), XMM()
	VCVTPS2PD(z.AsX(), lo)
	VEXTRACTF128(Imm(1), z, x)
	VCVTPS2PD(x, hi)
	geluHalf(lo)
	geluHalf(hi)
	VCVTPD2PSY(lo, z.AsX())
	VCVTPD2PSY(hi, x)
	VINSERTF128(Imm(1), x, z, z)
	if gated {
		VMULPS(Mem{Base: src}, z, z)
	}
	VMOVUPS(z, Mem{Base: dst})
	ADDQ(Imm(32), src)
	ADDQ(Imm(32), dst)
	DECQ(n)
	JNZ(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}
