package main

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// constants are the 32-bit words of expWithin (mathf.go of the package), by name.
var constants = map[string]uint32{}

// word returns a memory operand with a 32-bit constant.
func word(name string, bits uint32) Mem {
	sym := "const_" + name
	if _, ok := constants[sym]; !ok {
		constants[sym] = bits
		GLOBL(sym, RODATA|NOPTR)
		DATA(0, U32(bits))
	}
	return NewDataAddr(Symbol{Name: sym, Static: true}, 0)
}

// broadcast fills a new register with a float32.
func broadcast(name string, v float64) reg.VecVirtual {
	y := YMM()
	VBROADCASTSS(word(name, math.Float32bits(float32(v))), y)
	return y
}

// expConsts are the operands of exp. Those in use all the time are held in registers over a
// loop; the rest stay in memory, as vectors of 32 bytes, where there are 16 registers.
type expConsts struct {
	reg                  func() reg.VecVirtual // YMM or ZMM
	log2e, round, hi, lo Op
	one, bias, low       Op // low is the least argument
	c0, c1, c2, c3, c4   Op
}

func loadExpConsts() expConsts {
	return expConsts{
		YMM, broadcast("log2e", log2e), broadcast("round", round), broadcast("ln2hi", ln2Hi),
		broadcast("ln2lo", ln2Lo), vectorF("one", 1), vector("bias", 127), vectorF("lo87", -87),
		vectorF("c0", coefs[0]), vectorF("c1", coefs[1]), vectorF("c2", coefs[2]),
		vectorF("c3", coefs[3]), vectorF("c4", coefs[4]),
	}
}

// loadExpConsts512 holds them all in registers.
func loadExpConsts512() expConsts {
	load := func(name string, bits uint32) Op {
		z := ZMM()
		VBROADCASTSS(word(name, bits), z)
		return z
	}
	float := func(name string, v float64) Op { return load(name, math.Float32bits(float32(v))) }
	return expConsts{
		ZMM, float("log2e", log2e), float("round", round), float("ln2hi", ln2Hi),
		float("ln2lo", ln2Lo), float("one1", 1), load("bias1", 127), float("low1", -87),
		float("k0", coefs[0]), float("k1", coefs[1]), float("k2", coefs[2]),
		float("k3", coefs[3]), float("k4", coefs[4]),
	}
}

// The constants of expWithin (mathf.go of the package).
const (
	log2e = 1.4426950408889634
	round = 12582912
	ln2Hi = 0.693359375
	ln2Lo = -2.12194440e-4
)

var coefs = [...]float64{0.5, 0.16666576666119906, 0.041666554212985187,
	0.008363232883687007, 0.0013926250831690803}

// vector returns a memory operand with eight copies of a constant.
func vector(name string, bits uint32) Mem {
	sym := "vec_" + name
	if _, ok := constants[sym]; !ok {
		constants[sym] = bits
		GLOBL(sym, RODATA|NOPTR)
		for i := range 8 {
			DATA(4*i, U32(bits))
		}
	}
	return NewDataAddr(Symbol{Name: sym, Static: true}, 0)
}

func vectorF(name string, v float64) Mem { return vector(name, math.Float32bits(float32(v))) }

// exp replaces v, which lies within -87..88, by e^v:
//
//	t = v*log2e + round; n = t - round; r = v - n*hi - n*lo
//	p = ((((c4 r + c3) r + c2) r + c1) r + c0) r^2 + r + 1
//	v = p * 2^n, with 2^n from the low bits of t
func (c expConsts) exp(v reg.VecVirtual) {
	t, n, r, p := c.reg(), c.reg(), c.reg(), c.reg()
	VMULPS(c.log2e, v, t)
	VADDPS(c.round, t, t)
	VSUBPS(c.round, t, n)
	VMULPS(c.hi, n, p)
	VSUBPS(p, v, r)
	VMULPS(c.lo, n, p)
	VSUBPS(p, r, r)
	VMULPS(c.c4, r, p)
	for _, k := range []Op{c.c3, c.c2, c.c1} {
		VADDPS(k, p, p)
		VMULPS(r, p, p)
	}
	VADDPS(c.c0, p, p)
	VMULPS(r, r, n)
	VMULPS(n, p, p)
	VADDPS(r, p, p)
	VADDPS(c.one, p, p)
	VPADDD(c.bias, t, t)
	VPSLLD(Imm(23), t, t)
	VMULPS(t, p, v)
}

// limits holds v within lo..hi. A NaN is the second source of MINPS and MAXPS (the
// first here), which they return.
func limits(v reg.VecVirtual, hi, lo float64) {
	t := YMM()
	VMOVUPS(vectorF(fmt.Sprintf("hi%g", hi), hi), t)
	VMINPS(v, t, v)
	VMOVUPS(vectorF(fmt.Sprintf("lo%g", -lo), lo), t)
	VMAXPS(v, t, v)
}
