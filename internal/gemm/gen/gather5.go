package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// spanLen is gemm.span's n on a 64-bit machine.
const spanLen = 16

// spanMask turns the span at table, which lies at the given register, into the address of the
// group's column 0 (relative to base) and the mask of its columns.
func spanMask(table reg.Register, disp int, base, from reg.Register, mask reg.Register) {
	col, bits := GP64(), GP64()
	MOVQ(Mem{Base: table, Disp: disp}, from)
	MOVQ(Mem{Base: table, Disp: disp + spanCol}, col)
	SUBQ(col, from)
	LEAQ(Mem{Base: base, Index: from, Scale: 4}, from)
	n := GP64()
	MOVQ(Mem{Base: table, Disp: disp + spanLen}, n)
	MOVQ(I32(-1), bits)
	SHLXQ(n, bits, bits)
	NOTQ(bits)
	SHLXQ(col, bits, bits)
	KMOVW(bits.As32(), mask)
}

// masksKept is how many masks have a register of their own in masked.
const masksKept = 6

// masked is the spans of a group in registers.
type masked struct {
	from  []reg.GPVirtual
	masks [masksKept]reg.OpmaskVirtual
	bits  [8]reg.GPVirtual // of the masks that share a register
}

// newMasked reads the spans.
func newMasked(src, table reg.Register, spans int) masked {
	m := masked{from: make([]reg.GPVirtual, spans)}
	for s := range spans {
		m.from[s] = GP64()
		k := K()
		spanMask(table, s*spanSize, src, m.from[s], k)
		if s < masksKept {
			m.masks[s] = k
		} else {
			m.bits[s] = GP64()
			KMOVW(k, m.bits[s].As32())
		}
	}
	return m
}

// load gathers the pixels at an offset. Each span is a load under its mask, which touches nothing
// outside it, into the same register.
func (m masked) load(off, v reg.Register) {
	for s := range m.from {
		var k reg.OpmaskVirtual
		if s < masksKept {
			k = m.masks[s]
		} else {
			k = K()
			KMOVW(m.bits[s].As32(), k)
		}
		maskedLoad(Mem{Base: m.from[s], Index: off, Scale: 4}, k, v, s == 0)
	}
}

// gather5 emits gatherLanes for AVX-512 and a fixed number of spans.
func gather5(spans int) {
	name := fmt.Sprintf("gather5x%d", spans)
	TEXT(name, NOSPLIT, "func(dst *float32, ldb int, src *float32, offsets *int32, n int, spans *int)")
	Doc(fmt.Sprintf("%s is gatherLanes for %d spans; n > 0 is the number of offsets.", name, spans))
	Pragma("noescape")
	src := Load(Param("src"), GP64())
	table := Load(Param("spans"), GP64())
	m := newMasked(src, table, spans)
	dst := Load(Param("dst"), GP64())
	ldb := Load(Param("ldb"), GP64())
	SHLQ(Imm(2), ldb)
	offsets := Load(Param("offsets"), GP64())
	n := Load(Param("n"), GP64())
	Label("loop")
	off, v := GP64(), ZMM()
	MOVLQSX(Mem{Base: offsets}, off)
	m.load(off, v)
	nextGather(v, dst, ldb, offsets, n)
}

// maskedLoad loads the columns of k into v, and zeroes the others when it is the first.
func maskedLoad(at Mem, k, v reg.Register, first bool) {
	if first {
		VMOVUPS_Z(at, k, v)
	} else {
		VMOVUPS(at, k, v)
	}
}

// gather5Any emits gatherLanes for AVX-512 and any number of spans.
func gather5Any() {
	TEXT("gather5Any", NOSPLIT,
		"func(dst *float32, ldb int, src *float32, offsets *int32, n int, spans *int, count int)")
	Doc("gather5Any is gatherLanes for count > 0 spans; n > 0 is the number of offsets.")
	Pragma("noescape")
	src := Load(Param("src"), GP64())
	table := Load(Param("spans"), GP64())
	dst := Load(Param("dst"), GP64())
	ldb := Load(Param("ldb"), GP64())
	SHLQ(Imm(2), ldb)
	offsets := Load(Param("offsets"), GP64())
	n := Load(Param("n"), GP64())
	count := Load(Param("count"), GP64())
	Label("loop")
	at, left, base, from, v := GP64(), GP64(), GP64(), GP64(), ZMM()
	MOVLQSX(Mem{Base: offsets}, base)
	LEAQ(Mem{Base: src, Index: base, Scale: 4}, base)
	MOVQ(table, at)
	MOVQ(count, left)
	VPXORD(v, v, v)
	Label("span")
	k := K()
	spanMask(at, 0, base, from, k)
	maskedLoad(Mem{Base: from}, k, v, false)
	ADDQ(Imm(spanSize), at)
	DECQ(left)
	JNZ(LabelRef("span"))
	nextGather(v, dst, ldb, offsets, n)
}

// nextGather stores a group and ends the loop over k.
func nextGather(v, dst, ldb, offsets, n reg.Register) {
	VMOVUPS(v, Mem{Base: dst})
	ADDQ(ldb, dst)
	ADDQ(Imm(4), offsets)
	DECQ(n)
	JNZ(LabelRef("loop"))
	VZEROUPPER()
	RET()
}
