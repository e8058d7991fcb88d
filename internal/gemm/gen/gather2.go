package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// lanes is the number of columns of a group, as in package gemm.
const lanes = 16

// maxSpans is the most spans of a tile that have a routine of their own: with rows of 8 pixels
// or more no tile has more than 4.
const maxSpans = 4

// The layout of gemm.span on a 64-bit machine: src, col, n.
const (
	spanSize = 24
	spanCol  = 8
)

// gather2 emits gatherLanes for AVX2 and a fixed number of spans, whose addresses stay in
// registers. Every span is copied as a whole vector: what is too much is overwritten by the next
// span, or by the next k.
func gather2(spans int) {
	TEXT(fmt.Sprintf("gather2x%d", spans), NOSPLIT,
		"func(dst, src *float32, offsets *int32, n int, spans *int)")
	Doc(fmt.Sprintf("gather2x%d is gatherLanes for %d spans; n > 0 is the number of offsets.",
		spans, spans))
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	offsets := Load(Param("offsets"), GP64())
	n := Load(Param("n"), GP64())
	table := Load(Param("spans"), GP64())
	from, col := make([]reg.GPVirtual, spans), make([]reg.GPVirtual, spans)
	for s := range spans {
		from[s] = GP64()
		MOVQ(Mem{Base: table, Disp: s * spanSize}, from[s])
		LEAQ(Mem{Base: src, Index: from[s], Scale: 4}, from[s])
		if s > 0 { // the first one's column is 0
			col[s] = GP64()
			MOVQ(Mem{Base: table, Disp: s*spanSize + spanCol}, col[s])
		}
	}
	Label("loop")
	off := GP64()
	MOVLQSX(Mem{Base: offsets}, off)
	for s := range spans {
		v := YMM()
		VMOVUPS(Mem{Base: from[s], Index: off, Scale: 4}, v)
		if s == 0 {
			VMOVUPS(v, Mem{Base: dst})
		} else {
			VMOVUPS(v, Mem{Base: dst, Index: col[s], Scale: 4})
		}
	}
	nextK(dst, offsets, n)
}

// gather2Any emits gatherLanes for AVX2 and for any number of spans, for narrow images.
func gather2Any() {
	TEXT("gather2Any", NOSPLIT,
		"func(dst, src *float32, offsets *int32, n int, spans *int, count int)")
	Doc("gather2Any is gatherLanes for count > 0 spans; n > 0 is the number of offsets.")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	offsets := Load(Param("offsets"), GP64())
	n := Load(Param("n"), GP64())
	table := Load(Param("spans"), GP64())
	count := Load(Param("count"), GP64())
	Label("loop")
	off, at, left := GP64(), GP64(), GP64()
	MOVLQSX(Mem{Base: offsets}, off)
	LEAQ(Mem{Base: src, Index: off, Scale: 4}, off)
	MOVQ(table, at)
	MOVQ(count, left)
	Label("span")
	from, col, v := GP64(), GP64(), YMM()
	MOVQ(Mem{Base: at}, from)
	MOVQ(Mem{Base: at, Disp: spanCol}, col)
	VMOVUPS(Mem{Base: off, Index: from, Scale: 4}, v)
	VMOVUPS(v, Mem{Base: dst, Index: col, Scale: 4})
	ADDQ(Imm(spanSize), at)
	DECQ(left)
	JNZ(LabelRef("span"))
	nextK(dst, offsets, n)
}

// nextK ends the loop over k.
func nextK(dst, offsets, n reg.Register) {
	ADDQ(Imm(lanes*4), dst)
	ADDQ(Imm(4), offsets)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
