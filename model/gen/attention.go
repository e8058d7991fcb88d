package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// softmax emits the softmax over the rows of an [n][16] block, each of the 16 columns
// by itself: maximum, exp(scale*(s-max)) with its sum in float64, times 1/sum.
func softmax() {
	TEXT("softmaxAVX2", NOSPLIT, "func(n int, s *float32, scale float32)")
	Doc("softmaxAVX2 is softmaxGeneric for n rows, at least one.")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	s := Load(Param("s"), GP64())
	top := columnMax(n, s)
	scale := YMM()
	VBROADCASTSS(NewParamAddr("scale", 16), scale)
	sums := [4]reg.VecVirtual{YMM(), YMM(), YMM(), YMM()}
	for _, x := range sums {
		VXORPD(x, x, x)
	}
	c := loadExpConsts()
	at, k := start(n, s)
	Label("exp")
	for i := range 2 {
		v := YMM()
		VMOVUPS(Mem{Base: at, Disp: 32 * i}, v)
		VSUBPS(top[i], v, v)
		VMULPS(scale, v, v)
		t := YMM()
		VMOVUPS(vectorF("lo87", -87), t)
		VMAXPS(v, t, v)
		c.exp(v)
		VMOVUPS(v, Mem{Base: at, Disp: 32 * i})
		for half := range 2 {
			x, d := XMM(), YMM()
			VEXTRACTF128(Imm(uint64(half)), v, x)
			VCVTPS2PD(x, d)
			VADDPD(d, sums[2*i+half], sums[2*i+half])
		}
	}
	next(at, k, "exp")

	one := YMM()
	VBROADCASTSD(double("one64", 0x3FF0000000000000), one)
	inv := [2]reg.VecVirtual{YMM(), YMM()}
	for i := range 2 {
		lo, hi := XMM(), XMM()
		VDIVPD(sums[2*i], one, sums[2*i])
		VDIVPD(sums[2*i+1], one, sums[2*i+1])
		VCVTPD2PSY(sums[2*i], lo)
		VCVTPD2PSY(sums[2*i+1], hi)
		VINSERTF128(Imm(1), hi, lo.AsY(), inv[i])
	}
	at, k = start(n, s)
	Label("scale")
	for i := range 2 {
		v := YMM()
		VMULPS(Mem{Base: at, Disp: 32 * i}, inv[i], v)
		VMOVUPS(v, Mem{Base: at, Disp: 32 * i})
	}
	next(at, k, "scale")
	VZEROUPPER()
	RET()
}

// double returns a memory operand with a 64-bit constant.
func double(name string, bits uint64) Mem {
	GLOBL("const_"+name, RODATA|NOPTR)
	DATA(0, U64(bits))
	return NewDataAddr(Symbol{Name: "const_" + name, Static: true}, 0)
}

// start and next frame a loop over the rows.
func start(n, s reg.Register) (at, k reg.GPVirtual) {
	at, k = GP64(), GP64()
	MOVQ(s, at)
	MOVQ(n, k)
	return at, k
}

func next(at, k reg.GPVirtual, label string) {
	ADDQ(Imm(64), at)
	DECQ(k)
	JNZ(LabelRef(label))
}

func columnMax(n, s reg.Register) [2]reg.VecVirtual {
	top := [2]reg.VecVirtual{YMM(), YMM()}
	for i, x := range top {
		VMOVUPS(Mem{Base: s, Disp: 32 * i}, x)
	}
	at, k := start(n, s)
	Label("max")
	for i, x := range top {
		v := YMM()
		VMOVUPS(Mem{Base: at, Disp: 32 * i}, v)
		VMAXPS(x, v, x) // v > x ? v : x
	}
	next(at, k, "max")
	return top
}

// mulBlock emits dst[m][0:16] = a[m][0]*b[0][0:16] + a[m][1]*b[1][0:16] + ... for a few
// rows m of A, which lie rowStride apart, their elements stride apart.
func mulBlock(rows int) {
	TEXT(fmt.Sprintf("mulBlock%d", rows), NOSPLIT,
		"func(k int, dst, a, b *float32, rowStride, stride int)")
	Doc(fmt.Sprintf("mulBlock%d is mulBlockGeneric for %d rows.", rows, rows))
	Pragma("noescape")
	k := Load(Param("k"), GP64())
	dst := Load(Param("dst"), GP64())
	b := Load(Param("b"), GP64())
	rowStride := Load(Param("rowStride"), GP64())
	stride := Load(Param("stride"), GP64())
	SHLQ(Imm(2), rowStride)
	SHLQ(Imm(2), stride)
	at := make([]reg.GPVirtual, rows)
	sums := make([][2]reg.VecVirtual, rows)
	for m := range rows {
		at[m] = GP64()
		if m == 0 {
			Load(Param("a"), at[0])
		} else {
			MOVQ(at[m-1], at[m])
			ADDQ(rowStride, at[m])
		}
		sums[m] = [2]reg.VecVirtual{YMM(), YMM()}
		VXORPS(sums[m][0], sums[m][0], sums[m][0])
		VXORPS(sums[m][1], sums[m][1], sums[m][1])
	}
	Label("loop")
	b0, b1 := YMM(), YMM()
	VMOVUPS(Mem{Base: b}, b0)
	VMOVUPS(Mem{Base: b, Disp: 32}, b1)
	for m := range rows {
		x, p := YMM(), YMM()
		VBROADCASTSS(Mem{Base: at[m]}, x)
		VMULPS(b0, x, p)
		VMULPS(b1, x, x)
		VADDPS(p, sums[m][0], sums[m][0])
		VADDPS(x, sums[m][1], sums[m][1])
		ADDQ(stride, at[m])
	}
	ADDQ(Imm(64), b)
	DECQ(k)
	JNZ(LabelRef("loop"))
	for m := range rows {
		VMOVUPS(sums[m][0], Mem{Base: dst, Disp: 64 * m})
		VMOVUPS(sums[m][1], Mem{Base: dst, Disp: 64*m + 32})
	}
	VZEROUPPER()
	RET()
}
