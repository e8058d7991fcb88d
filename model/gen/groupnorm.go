package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// momentLanes emits 16 sums and 16 sums of squares in float64, lane j of x[j], x[16+j], ...
// Squares of float32 are exact in float64, so a fused multiply-add rounds as a sum does.
func momentLanes() {
	TEXT("momentLanesAVX2", NOSPLIT, "func(n int, x *float32, sums *float64)")
	Doc("momentLanesAVX2 is momentLanesGeneric for n elements, a multiple of 16 and not 0.")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	x := Load(Param("x"), GP64())
	sums := Load(Param("sums"), GP64())
	const regs = 4 // of 16 float64
	sum, sq := make([]reg.VecVirtual, regs), make([]reg.VecVirtual, regs)
	for i := range regs {
		sum[i], sq[i] = YMM(), YMM()
		VXORPD(sum[i], sum[i], sum[i])
		VXORPD(sq[i], sq[i], sq[i])
	}
	Label("loop")
	for i := range regs {
		v := YMM()
		VCVTPS2PD(Mem{Base: x, Disp: 16 * i}, v)
		VADDPD(v, sum[i], sum[i])
		VFMADD231PD(v, v, sq[i])
	}
	ADDQ(Imm(64), x)
	SUBQ(Imm(16), n)
	JNZ(LabelRef("loop"))
	for i := range regs {
		VMOVUPD(sum[i], Mem{Base: sums, Disp: 32 * i})
		VMOVUPD(sq[i], Mem{Base: sums, Disp: 128 + 32*i})
	}
	VZEROUPPER()
	RET()
}
