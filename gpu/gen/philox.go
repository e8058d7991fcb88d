package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The multipliers of Philox 4x32 and its rounds.
const (
	m0     = 0xD2511F53
	m1     = 0xCD9E8D57
	rounds = 10
)

// streamWords is the length of a stream of the package.
const streamWords = 19

const vecSize = 32 // bytes

// state is the counter of four blocks, a 64-bit lane each. Only the low halves count: the product
// of two of them leaves its own low half, the next value of a word, where it is.
type state [4]reg.VecVirtual

// philox emits philox4x32-10 of neighbouring counters. A turn makes two vectors of four blocks.
func philox() {
	TEXT("philoxAVX2", NOSPLIT, "func(n int, dst *float32, words *uint32, block uint32)")
	Doc("philoxAVX2 writes the bits of n/32 groups of 8 blocks from a counter's low word on, which",
		"does not wrap around; words is a stream. Each half of a group is the words 0 and 2 of",
		"four blocks in turn, then the words 1 and 3.")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	dst := Load(Param("dst"), GP64())
	keys := spread(Load(Param("words"), GP64()))
	count := [2]reg.VecVirtual{YMM(), YMM()}
	block := Load(Param("block"), GP32())
	base := YMM()
	VMOVD(block, base.AsX())
	VPBROADCASTD(base.AsX(), base)
	for half := range count {
		VPADDD(counters(half), base, count[half])
	}
	f0, f1 := YMM(), YMM()
	VMOVDQU(bits(m0), f0)
	VMOVDQU(bits(m1), f1)
	Label("philox")
	var s [2]state
	for half := range s {
		s[half] = begin(count[half], f0, f1, keys)
		VPADDD(bits(8), count[half], count[half])
	}
	for r := 4; r <= rounds; r++ {
		for half := range s {
			s[half].round(f0, f1, keys, 2*r-3)
		}
	}
	for half, c := range s {
		VPSLLQ(Imm(32), c[2], c[2])
		VPBLENDD(Imm(0xAA), c[2], c[0], c[0])
		VMOVDQU(c[0], Mem{Base: dst, Disp: 2 * half * vecSize})
		VPSLLQ(Imm(32), c[3], c[3])
		VPBLENDD(Imm(0xAA), c[3], c[1], c[1])
		VMOVDQU(c[1], Mem{Base: dst, Disp: (2*half + 1) * vecSize})
	}
	ADDQ(Imm(4*vecSize), dst)
	SUBQ(Imm(32), n)
	JNZ(LabelRef("philox"))
	VZEROUPPER()
	RET()
}

// spread fills vectors on the stack with each word of a stream, and returns their aligned
// address.
func spread(words reg.Register) reg.GPVirtual {
	at := GP64()
	LEAQ(AllocLocal((streamWords+1)*vecSize), at)
	ADDQ(Imm(vecSize-1), at)
	ANDQ(I32(-vecSize), at)
	for i := range streamWords {
		v := YMM()
		VPBROADCASTD(Mem{Base: words, Disp: 4 * i}, v)
		VMOVDQA(v, Mem{Base: at, Disp: i * vecSize})
	}
	return at
}

// counters are the distances of four blocks from the first of a group.
func counters(half int) Mem {
	name := []string{"counters_low", "counters_high"}[half]
	GLOBL(name, RODATA|NOPTR)
	for i := range 4 {
		DATA(8*i, U64(uint64(4*half+i)))
	}
	return NewDataAddr(Symbol{Name: name, Static: true}, 0)
}

// begin does rounds 1 to 3, in which what depends on seed, draw and high word alone is in the
// stream:
//
//	P = M0*block,  c2 = hi(P)^w0,  Q = M1*c2              round 1 and the product of 2
//	c = hi(Q)^w1, Q, P^w2, a part of w4                   round 2
//	c = hi(M1*c2)^Q^w3, M1*c2, hi(M0*c0)^w4, M0*c0        round 3
func begin(count, f0, f1 reg.VecVirtual, keys reg.Register) state {
	key := func(i int) Mem { return Mem{Base: keys, Disp: i * vecSize} }
	p, q, c0 := YMM(), YMM(), YMM()
	VPMULUDQ(f0, count, p)
	high(p, q)
	VPXOR(key(0), q, q)
	VPMULUDQ(f1, q, q)
	high(q, c0)
	VPXOR(key(1), c0, c0)
	VPXOR(key(2), p, p)
	s := state{YMM(), YMM(), YMM(), YMM()}
	VPMULUDQ(f1, p, s[1])
	VPMULUDQ(f0, c0, s[3])
	VPXOR(key(3), q, q)
	high(s[1], s[0])
	VPXOR(q, s[0], s[0])
	high(s[3], s[2])
	VPXOR(key(4), s[2], s[2])
	return s
}

// round is one round of four blocks with the keys of the stream from i on.
func (s *state) round(f0, f1 reg.VecVirtual, keys reg.Register, i int) {
	p0, p1, c0, c2 := YMM(), YMM(), YMM(), YMM()
	VPMULUDQ(f0, s[0], p0)
	VPMULUDQ(f1, s[2], p1)
	VPXOR(Mem{Base: keys, Disp: i * vecSize}, s[1], s[1])
	VPXOR(Mem{Base: keys, Disp: (i + 1) * vecSize}, s[3], s[3])
	high(p1, c0)
	VPXOR(s[1], c0, c0)
	high(p0, c2)
	VPXOR(s[3], c2, c2)
	*s = state{c0, p1, c2, p0}
}

// high copies the high halves of 64-bit lanes to the low ones, on a port that multiplies do not
// use.
func high(from, to reg.VecVirtual) { VPSHUFD(Imm(0xF5), from, to) }
