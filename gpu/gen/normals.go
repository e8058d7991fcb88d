package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// turns is how many turns of normals lie between the first word of a group and its normals.
const turns = 3

// middle is the last round of Philox in the first of its turns.
const middle = 7

// normals emits Philox and Box-Muller in one loop. A turn makes the first rounds of one group of blocks, the other
// rounds of the group before, squares and directions of the one before that, and roots and products of the last one:
// chains of operations that do not wait for each other. One chain after another leaves a third of the time unused, as
// no scheduler looks ahead so far. The counter runs over by the groups that are not finished.
func (s set) normals() {
	TEXT("normals"+s.name, NOSPLIT, "func(n int, dst *float32, words *uint32, block uint32)")
	Doc("normals"+s.name+" writes n normals, a multiple of 32 above 0, of blocks from the low word of a counter on,",
		"which does not wrap around; words is a stream. With n = -32 it makes 32 in place, of the bits of 16 radii,",
		"then of 16 turns.")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	dst := Load(Param("dst"), GP64())
	keys := Load(Param("words"), GP64())
	block := Load(Param("block"), GP32())
	count := s.vec()
	VMOVD(block, count.AsX())
	VPBROADCASTD(count.AsX(), count)
	VPADDD(s.counters(0), count, count)
	o := operands{f0: s.load(bits(m0)), f1: s.load(bits(m1)), half: s.load(float(0x1p-33)),
		even: s.lanes(0x5555), odd: s.lanes(0xAAAA), keys: keys}
	// The first turns work on anything, and leave what they make where the first group belongs.
	first := func(i int) reg.VecVirtual { return s.load(Mem{Base: dst, Disp: i * s.size}) }
	w := state{first(0), first(0), first(0), first(0)}
	radii, angles := first(0), first(1)
	of := square{first(0), first(0), first(0)}
	cos, sin := first(0), first(0)
	c := &chain{set: s}
	c.uniform(radii, o.half)
	interleave([]*chain{c})
	place, to, zero := GP64(), GP64(), GP64()
	SHLQ(Imm(2), n)
	XORQ(zero, zero)
	MOVQ(I32(int32(-2*s.size*turns)), place)

	Label("normals")
	MOVQ(place, to)
	TESTQ(to, to)
	CMOVQLT(zero, to)
	ADDQ(dst, to)
	var chains [5]*chain
	for i := range chains {
		chains[i] = &chain{set: s}
	}
	w2 := chains[0].firstRounds(count, o)
	radii2, angles2 := chains[1].lastRounds(w, o)
	of2 := chains[2].square(radii)
	cos2, sin2 := chains[3].direction(angles)
	chains[4].products(of, cos, sin, to)
	interleave(chains[:])
	for _, m := range [][2]reg.VecVirtual{{radii2, radii}, {angles2, angles}, {of2.p, of.p}, {of2.x, of.x},
		{of2.e, of.e}, {cos2, cos}, {sin2, sin}, {w2[0], w[0]}, {w2[1], w[1]}, {w2[2], w[2]}, {w2[3], w[3]}} {
		VMOVDQA32(m[0], m[1])
	}
	ADDQ(U32(uint32(2*s.size)), place)
	CMPQ(place, n)
	JLT(LabelRef("normals"))
	VZEROUPPER()
	RET()
}

// operands are what does not change from turn to turn.
type operands struct {
	f0, f1, half    reg.VecVirtual
	even, odd, keys reg.Register
}

// lanes is a mask of 16 lanes.
func (s set) lanes(bits uint32) reg.Register {
	g, k := GP32(), K()
	MOVL(U32(bits), g)
	KMOVW(g, k)
	return k
}

// firstRounds are those of 8 blocks. It counts on.
func (c *chain) firstRounds(count reg.VecVirtual, o operands) state {
	w := c.begin(count, o.f0, o.f1, o.keys)
	c.do(VPADDD, bits(uint32(c.blocks())), count, count)
	for r := 4; r <= middle; r++ {
		w = c.round(w, o.f0, o.f1, c.key(o.keys, 2*r-3), c.key(o.keys, 2*r-2))
	}
	return w
}

// lastRounds makes the uniforms of the words 0 and 2 of 8 blocks in turn, and the words 1 and 3. In the last round the
// words 2 and 3 are in the upper halves from the start.
func (c *chain) lastRounds(w state, o operands) (radii, angles reg.VecVirtual) {
	for r := middle + 1; r < rounds; r++ {
		w = c.round(w, o.f0, o.f1, c.key(o.keys, 2*r-3), c.key(o.keys, 2*r-2))
	}
	p0, p1, radii := c.vec(), c.vec(), c.vec()
	c.do(VPMULUDQ, o.f0, w[0], p0)
	c.do(VPMULUDQ, o.f1, w[2], p1)
	c.do(VMOVSLDUP, w[3], o.odd, w[1])
	c.do(VMOVDQA32, p0, radii)
	c.do(VPSHUFD, Imm(0xF5), p1, o.even, radii)
	c.do(VPTERNLOGQ_BCST, Imm(0x96), c.key(o.keys, 2*rounds-3), w[1], radii)
	c.do(VMOVSLDUP, p0, o.odd, p1)
	return c.uniform(radii, o.half), p1
}

// products stores the normals of 16 squares and directions.
func (c *chain) products(of square, cos, sin reg.VecVirtual, to reg.Register) {
	r := c.radius(of)
	c.do(VMULPS, cos, r, cos)
	c.do(VMULPS, sin, r, sin)
	c.then(func() {
		low, high := c.zip(cos, sin)
		c.store(low, Mem{Base: to})
		c.store(high, Mem{Base: to, Disp: c.size})
	})
}
