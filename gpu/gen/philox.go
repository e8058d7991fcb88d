package main

import (
	"fmt"

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

// state is the counter of a vector of blocks, a 64-bit lane each. Only the low halves count: the
// product of two of them leaves its own low half, the next value of a word, where it is.
type state [4]reg.VecVirtual

// philox emits philox4x32-10 of neighbouring counters. A turn makes two vectors of blocks.
func (s set) philox() {
	TEXT("philox"+s.name, NOSPLIT, "func(n int, dst *float32, words *uint32, block uint32)")
	b := s.blocks()
	Doc(fmt.Sprintf("philox%s writes n words, a multiple of %d above 0, of blocks from the low",
		s.name, 8*b),
		"word of a counter on, which does not wrap around; words is a stream. Each",
		fmt.Sprintf("%d blocks give their words 0 and 2 in turn, then the words 1 and 3.", b))
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	dst := Load(Param("dst"), GP64())
	keys := s.spread(Load(Param("words"), GP64()))
	block := Load(Param("block"), GP32())
	base := s.vec()
	VMOVD(block, base.AsX())
	VPBROADCASTD(base.AsX(), base)
	count := [2]reg.VecVirtual{s.vec(), s.vec()}
	for half := range count {
		VPADDD(s.counters(half), base, count[half])
	}
	f0, f1 := s.load(bits(m0)), s.load(bits(m1))
	Label("philox")
	var c [2]state
	for half := range c {
		c[half] = s.begin(count[half], f0, f1, keys)
		VPADDD(bits(uint32(2*s.blocks())), count[half], count[half])
	}
	for r := 4; r <= rounds; r++ {
		for half := range c {
			c[half] = s.round(c[half], f0, f1, s.key(keys, 2*r-3), s.key(keys, 2*r-2))
		}
	}
	for half := range c {
		s.pack(c[half][2], c[half][0], Mem{Base: dst, Disp: 2 * half * s.size})
		s.pack(c[half][3], c[half][1], Mem{Base: dst, Disp: (2*half + 1) * s.size})
	}
	ADDQ(U32(uint32(4*s.size)), dst)
	SUBQ(Imm(uint64(8*s.blocks())), n)
	JNZ(LabelRef("philox"))
	VZEROUPPER()
	RET()
}

// pack stores the low halves of low and, above each, that of high.
func (s set) pack(high, low reg.VecVirtual, to Op) {
	if s.wide() {
		odd, k := GP32(), K()
		MOVL(U32(0xAAAA), odd)
		KMOVW(odd, k)
		VMOVSLDUP(high, k, low)
	} else {
		VPSLLQ(Imm(32), high, high)
		VPBLENDD(Imm(0xAA), high, low, low)
	}
	s.store(low, to)
}

// spread fills vectors on the stack with each word of a stream, and returns their aligned address.
// AVX-512 needs no copies.
func (s set) spread(words reg.Register) reg.Register {
	if s.wide() {
		return words
	}
	at := GP64()
	LEAQ(AllocLocal((streamWords+1)*s.size), at)
	ADDQ(Imm(uint64(s.size-1)), at)
	ANDQ(I32(int32(-s.size)), at)
	for i := range streamWords {
		v := s.vec()
		VPBROADCASTD(Mem{Base: words, Disp: 4 * i}, v)
		s.store(v, s.key(at, i))
	}
	return at
}

// key is word i of a stream, for xorKey and xor3.
func (s set) key(keys reg.Register, i int) Mem {
	if s.wide() {
		return Mem{Base: keys, Disp: 4 * i}
	}
	return Mem{Base: keys, Disp: i * s.size}
}

// xorKey is y ^= k.
func (s set) xorKey(k Mem, y reg.VecVirtual) {
	if s.wide() {
		VPXORD_BCST(k, y, y)
	} else {
		VPXOR(k, y, y)
	}
}

// xor3 is y ^= a^k; a is lost.
func (s set) xor3(k Mem, a, y reg.VecVirtual) {
	if s.wide() {
		VPTERNLOGD_BCST(Imm(0x96), k, a, y)
	} else {
		VPXOR(k, a, a)
		VPXOR(a, y, y)
	}
}

// counters are the distances of the blocks of a half from the first of the group.
func (s set) counters(half int) Mem {
	first := half * s.blocks()
	return constant(fmt.Sprintf("blocks_from_%d", first), func(i int) uint32 {
		return uint32(first+i/2) * uint32(1-i%2)
	})
}

// begin does rounds 1 to 3, in which what depends on seed, draw and high word alone is in the
// stream:
//
//	P = M0*block,  c2 = hi(P)^w0,  Q = M1*c2              round 1 and the product of 2
//	c = hi(Q)^w1, Q, P^w2, a part of w4                   round 2
//	c = hi(M1*c2)^Q^w3, M1*c2, hi(M0*c0)^w4, M0*c0        round 3
func (s set) begin(count, f0, f1 reg.VecVirtual, keys reg.Register) state {
	p, q, c0, c1, c2, c3 := s.vec(), s.vec(), s.vec(), s.vec(), s.vec(), s.vec()
	VPMULUDQ(f0, count, p)
	high(p, q)
	s.xorKey(s.key(keys, 0), q)
	VPMULUDQ(f1, q, q)
	high(q, c0)
	s.xorKey(s.key(keys, 1), c0)
	s.xorKey(s.key(keys, 2), p)
	VPMULUDQ(f1, p, c1)
	VPMULUDQ(f0, c0, c3)
	high(c1, c0)
	s.xor3(s.key(keys, 3), q, c0)
	high(c3, c2)
	s.xorKey(s.key(keys, 4), c2)
	return state{c0, c1, c2, c3}
}

// round is one round with the keys k0 and k1.
func (s set) round(c state, f0, f1 reg.VecVirtual, k0, k1 Mem) state {
	p0, p1, c0, c2 := s.vec(), s.vec(), s.vec(), s.vec()
	VPMULUDQ(f0, c[0], p0)
	VPMULUDQ(f1, c[2], p1)
	high(p1, c0)
	s.xor3(k0, c[1], c0)
	high(p0, c2)
	s.xor3(k1, c[3], c2)
	return state{c0, p1, c2, p0}
}

// high copies the high halves of 64-bit lanes to the low ones, on a port that multiplies do not
// use.
func high(from, to reg.VecVirtual) { VPSHUFD(Imm(0xF5), from, to) }
