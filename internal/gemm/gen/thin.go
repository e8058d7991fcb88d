package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// thinTerms are the terms of Winograd's method whose sums for so many tiles are in registers at once.
var thinTerms = [...]int{1: 12, 2: 12, 3: 6, 4: 6, 5: 4, 6: 4, 7: 3, 8: 3}

// thinChannels are the input channels of gemm.thin's operands.
const thinChannels = 8

// thinStep is the places of the tiles of a channel.
func thinStep(tiles int) int {
	if tiles <= 4 {
		return 4
	}
	return 8
}

// thin5 emits the products of a few tiles: a register has the 16 rows of a panel.
func thin5(tiles int) {
	name := fmt.Sprintf("thin5x%d", tiles)
	TEXT(name, NOSPLIT, "func(m, u, v *float32, k int, load bool)")
	Doc(fmt.Sprintf("%s adds the products of k > 0 channels and %d tiles to the sums of all terms:", name, tiles),
		fmt.Sprintf("m is [36][%d][16], u [36][16][16] and v [36][%d].", thinStep(tiles), thinChannels*thinStep(tiles)+lanes))
	Pragma("noescape")
	m := Load(Param("m"), GP64())
	u := Load(Param("u"), GP64())
	v := Load(Param("v"), GP64())
	k := Load(Param("k"), GP64())
	load := Load(Param("load"), GP8())
	count := thinTerms[tiles]
	step := thinStep(tiles)
	mTerm, uTerm, vTerm := step*64, thinChannels*64, (thinChannels*step+lanes)*4
	groups, left, a, b := GP64(), GP64(), GP64(), GP64()
	MOVQ(U32(uint32(winoTerms/count)), groups)
	Label("group")
	sums := make([][]reg.VecVirtual, count)
	for term := range sums {
		sums[term] = make([]reg.VecVirtual, tiles)
		for tile := range sums[term] {
			sums[term][tile] = ZMM()
			VPXORD(sums[term][tile], sums[term][tile], sums[term][tile])
		}
	}
	TESTB(load, load)
	JZ(LabelRef("begin"))
	for term := range sums {
		for tile, sum := range sums[term] {
			VMOVUPS(Mem{Base: m, Disp: term*mTerm + tile*64}, sum)
		}
	}
	Label("begin")
	MOVQ(u, a)
	MOVQ(v, b)
	MOVQ(k, left)
	Label("channel")
	for term := range sums {
		x := ZMM()
		VMOVUPS(Mem{Base: a, Disp: term * uTerm}, x)
		for tile, sum := range sums[term] {
			VFMADD231PS_BCST(Mem{Base: b, Disp: term*vTerm + tile*4}, x, sum)
		}
	}
	ADDQ(U32(64), a)
	ADDQ(U32(uint32(step*4)), b)
	DECQ(left)
	JNZ(LabelRef("channel"))
	for term := range sums {
		for tile, sum := range sums[term] {
			VMOVUPS(sum, Mem{Base: m, Disp: term*mTerm + tile*64})
		}
	}
	ADDQ(U32(uint32(count*mTerm)), m)
	ADDQ(U32(uint32(count*uTerm)), u)
	ADDQ(U32(uint32(count*vTerm)), v)
	DECQ(groups)
	JNZ(LabelRef("group"))
	VZEROUPPER()
	RET()
}

// thinRows5 emits the way from tiles of 16 rows to rows of tiles.
func thinRows5() {
	TEXT("thinRows5", NOSPLIT, "func(m *float32, stride int, sums *float32, fours int)")
	Doc("thinRows5 turns the sums of each term, [4*fours][16], into [16][16] at m, the terms stride apart; the columns",
		"behind 4*fours are not written.")
	Pragma("noescape")
	m := Load(Param("m"), GP64())
	stride := Load(Param("stride"), GP64())
	SHLQ(Imm(2), stride)
	sums := Load(Param("sums"), GP64())
	terms, four, to := GP64(), GP64(), GP64()
	MOVQ(U32(winoTerms), terms)
	Label("term")
	MOVQ(m, to)
	fours := Load(Param("fours"), GP64())
	MOVQ(fours, four)
	Label("four")
	var p [4]reg.VecVirtual
	for i := range p {
		p[i] = ZMM()
		VMOVUPS(Mem{Base: sums, Disp: i * 64}, p[i])
	}
	for i, q := range transpose(p, narrow5.vec) { // rows i, 4+i, 8+i and 12+i
		VMOVUPS(q.AsX(), Mem{Base: to, Disp: i * 64})
		for part := 1; part < 4; part++ {
			VEXTRACTF32X4(Imm(uint64(part)), q, Mem{Base: to, Disp: (4*part + i) * 64})
		}
	}
	ADDQ(U32(4*64), sums)
	ADDQ(Imm(16), to)
	DECQ(four)
	JNZ(LabelRef("four"))
	ADDQ(stride, m)
	DECQ(terms)
	JNZ(LabelRef("term"))
	VZEROUPPER()
	RET()
}
