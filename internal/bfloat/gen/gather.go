package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// maxSpans is the most spans that gather5 has a form for.
const maxSpans = 5

// Where gatherSpan has its fields.
const (
	spanCol  = 8
	spanLen  = 16
	spanSize = 24
)

// gather5 emits gather for a fixed number of spans: a masked load of each, for both places of a pair, which are then woven.
func gather5(spans int) {
	name := fmt.Sprintf("gather5x%d", spans)
	TEXT(name, NOSPLIT, "func(dst, src *uint16, offsets *int32, pairs int, spans *int)")
	Doc(fmt.Sprintf("%s is gather for %d spans; pairs > 0.", name, spans))
	Pragma("noescape")
	src := Load(Param("src"), GP64())
	table := Load(Param("spans"), GP64())
	from, masks := make([]reg.GPVirtual, spans), make([]reg.OpmaskVirtual, spans)
	for s := range spans {
		from[s], masks[s] = GP64(), K()
		col, bits, n := GP64(), GP64(), GP64()
		MOVQ(Mem{Base: table, Disp: s * spanSize}, from[s])
		MOVQ(Mem{Base: table, Disp: s*spanSize + spanCol}, col)
		MOVQ(Mem{Base: table, Disp: s*spanSize + spanLen}, n)
		SUBQ(col, from[s])
		LEAQ(Mem{Base: src, Index: from[s], Scale: 2}, from[s])
		MOVQ(I32(-1), bits)
		SHLXQ(n, bits, bits)
		NOTQ(bits)
		SHLXQ(col, bits, bits)
		KMOVW(bits.As32(), masks[s])
	}
	dst := Load(Param("dst"), GP64())
	offsets := Load(Param("offsets"), GP64())
	pairs := Load(Param("pairs"), GP64())
	load := func(disp int) reg.VecVirtual {
		off, v := GP64(), YMM()
		MOVLQSX(Mem{Base: offsets, Disp: disp}, off)
		for s := range spans {
			at := Mem{Base: from[s], Index: off, Scale: 2}
			if s == 0 {
				VMOVDQU16_Z(at, masks[s], v)
			} else {
				VMOVDQU16(at, masks[s], v)
			}
		}
		z := ZMM()
		VPMOVZXWD(v, z)
		return z
	}
	Label("loop")
	even, odd := load(0), load(4)
	VPSLLD(Imm(16), odd, odd)
	VPORD(even, odd, odd)
	VMOVDQU32(odd, Mem{Base: dst})
	ADDQ(Imm(64), dst)
	ADDQ(Imm(8), offsets)
	DECQ(pairs)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
