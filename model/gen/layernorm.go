package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// halves converts eight float32 to float64.
func halves(at reg.Register) [2]reg.VecVirtual {
	v := [2]reg.VecVirtual{YMM(), YMM()}
	VCVTPS2PD(Mem{Base: at}, v[0])
	VCVTPS2PD(Mem{Base: at, Disp: 16}, v[1])
	return v
}

// normalise emits y[j] = (x[j] - mean[j])*rstd[j]*gamma + beta.
func normalise() {
	TEXT("normaliseAVX2", NOSPLIT,
		"func(n int, y, x *float32, mean, rstd *float64, gamma, beta float64)")
	Doc("normaliseAVX2 is normaliseGeneric for n elements, a multiple of 8.")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	y := Load(Param("y"), GP64())
	x := Load(Param("x"), GP64())
	mean := Load(Param("mean"), GP64())
	rstd := Load(Param("rstd"), GP64())
	gamma, beta := YMM(), YMM()
	VBROADCASTSD(NewParamAddr("gamma", 40), gamma)
	VBROADCASTSD(NewParamAddr("beta", 48), beta)
	SHRQ(Imm(3), n)
	JZ(LabelRef("done"))
	Label("loop")
	for i, v := range halves(x) {
		VSUBPD(Mem{Base: mean, Disp: 32 * i}, v, v)
		VMULPD(Mem{Base: rstd, Disp: 32 * i}, v, v)
		VMULPD(gamma, v, v)
		VADDPD(beta, v, v)
		out := XMM()
		VCVTPD2PSY(v, out)
		VMOVUPS(out, Mem{Base: y, Disp: 16 * i})
	}
	ADDQ(Imm(32), x)
	ADDQ(Imm(32), y)
	ADDQ(Imm(64), mean)
	ADDQ(Imm(64), rstd)
	DECQ(n)
	JNZ(LabelRef("loop"))
	Label("done")
	VZEROUPPER()
	RET()
}
