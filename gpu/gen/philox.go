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
	var w [2]state
	var chains []*chain
	for half := range w {
		c := &chain{set: s}
		w[half] = c.begin(count[half], f0, f1, keys)
		c.then(func() { VPADDD(bits(uint32(2*s.blocks())), count[half], count[half]) })
		for r := 4; r <= rounds; r++ {
			w[half] = c.round(w[half], f0, f1, s.key(keys, 2*r-3), s.key(keys, 2*r-2))
		}
		chains = append(chains, c)
	}
	interleave(chains)
	for half := range w {
		s.pack(w[half][2], w[half][0], Mem{Base: dst, Disp: 2 * half * s.size})
		s.pack(w[half][3], w[half][1], Mem{Base: dst, Disp: (2*half + 1) * s.size})
	}
	ADDQ(U32(uint32(4*s.size)), dst)
	SUBQ(Imm(uint64(8*s.blocks())), n)
	JNZ(LabelRef("philox"))
	VZEROUPPER()
	RET()
}

// pack stores the low halves of low and, above each, that of high.
func (s set) pack(high, low reg.VecVirtual, to Op) {
	VPSLLQ(Imm(32), high, high)
	VPBLENDD(Imm(0xAA), high, low, low)
	s.store(low, to)
}

// spread fills vectors on the stack with each word of a stream, and returns their aligned address.
func (s set) spread(words reg.Register) reg.Register {
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

// key is word i of a stream, for xorKey and xor3. AVX-512 needs no copies.
func (s set) key(keys reg.Register, i int) Mem {
	if s.wide() {
		return Mem{Base: keys, Disp: 4 * i}
	}
	return Mem{Base: keys, Disp: i * s.size}
}

// xorKey is y ^= k.
func (c *chain) xorKey(k Mem, y reg.VecVirtual) {
	if c.wide() {
		c.do(VPXORD_BCST, k, y, y)
	} else {
		c.then(func() { VPXOR(k, y, y) })
	}
}

// xor3 is y ^= a^k; a is lost.
func (c *chain) xor3(k Mem, a, y reg.VecVirtual) {
	if c.wide() {
		c.do(VPTERNLOGD_BCST, Imm(0x96), k, a, y)
		return
	}
	c.then(func() { VPXOR(k, a, a) })
	c.then(func() { VPXOR(a, y, y) })
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
func (c *chain) begin(count, f0, f1 reg.VecVirtual, keys reg.Register) state {
	p, q, c0, c1, c2, c3 := c.vec(), c.vec(), c.vec(), c.vec(), c.vec(), c.vec()
	c.do(VPMULUDQ, f0, count, p)
	c.high(p, q)
	c.xorKey(c.key(keys, 0), q)
	c.do(VPMULUDQ, f1, q, q)
	c.high(q, c0)
	c.xorKey(c.key(keys, 1), c0)
	c.xorKey(c.key(keys, 2), p)
	c.do(VPMULUDQ, f1, p, c1)
	c.do(VPMULUDQ, f0, c0, c3)
	c.high(c1, c0)
	c.xor3(c.key(keys, 3), q, c0)
	c.high(c3, c2)
	c.xorKey(c.key(keys, 4), c2)
	return state{c0, c1, c2, c3}
}

// round is one round with the keys k0 and k1.
func (c *chain) round(w state, f0, f1 reg.VecVirtual, k0, k1 Mem) state {
	p0, p1, c0, c2 := c.vec(), c.vec(), c.vec(), c.vec()
	c.do(VPMULUDQ, f0, w[0], p0)
	c.do(VPMULUDQ, f1, w[2], p1)
	c.high(p1, c0)
	c.xor3(k0, w[1], c0)
	c.high(p0, c2)
	c.xor3(k1, w[3], c2)
	return state{c0, p1, c2, p0}
}

// high copies the high halves of 64-bit lanes to the low ones, on a port that multiplies do not
// use.
func (c *chain) high(from, to reg.VecVirtual) { c.do(VPSHUFD, Imm(0xF5), from, to) }
