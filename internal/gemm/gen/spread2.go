package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// spread2 emits spreadGeneric for every chunk of a channel and AVX2: four registers of pixels
// become four phases of 8.
func spread2() {
	var bits [4]Mem
	for v := range bits {
		bits[v] = GLOBL(fmt.Sprintf("bits%d", v), RODATA|NOPTR)
		for i := range 8 {
			DATA(4*i, U32(uint32(1)<<(8*v+i)))
		}
	}
	TEXT("spread2", NOSPLIT,
		"func(dst *float32, phase int, src *float32, w int, chunks *int, count int)")
	Doc("spread2 is spreadGeneric for count > 0 chunks of 32 columns.")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	phase := Load(Param("phase"), GP64())
	SHLQ(Imm(2), phase)
	src := Load(Param("src"), GP64())
	w := Load(Param("w"), GP64())
	SHLQ(Imm(2), w)
	list := Load(Param("chunks"), GP64())
	count := Load(Param("count"), GP64())
	three := GP64()
	LEAQ(Mem{Base: phase, Index: phase, Scale: 2}, three)
	Label("chunk")
	to, from, rows := GP64(), GP64(), GP64()
	MOVQ(Mem{Base: list}, to)
	LEAQ(Mem{Base: dst, Index: to, Scale: 4}, to)
	MOVQ(Mem{Base: list, Disp: 8}, from)
	LEAQ(Mem{Base: src, Index: from, Scale: 4}, from)
	MOVQ(Mem{Base: list, Disp: 16}, rows)
	all := YMM()
	VPBROADCASTD(Mem{Base: list, Disp: 24}, all)
	var masks, x [4]reg.VecVirtual
	for v := range masks {
		masks[v] = YMM()
		VPAND(bits[v], all, masks[v])
		VPCMPEQD(bits[v], masks[v], masks[v])
	}
	Label("row")
	for v := range x {
		x[v] = YMM()
		VMASKMOVPS(Mem{Base: from, Disp: v * 32}, masks[v], x[v])
	}
	// Tiles 0 to 3 into the low halves, 4 to 7 into the high ones.
	var t [4]reg.VecVirtual
	for i := range t {
		t[i] = YMM()
		VPERM2F128(Imm(uint64([]byte{0x20, 0x31}[i%2])), x[i/2+2], x[i/2], t[i])
	}
	for j, q := range transpose(t, wide2.vec) {
		at := []Mem{{Base: to}, {Base: to, Index: phase, Scale: 1},
			{Base: to, Index: phase, Scale: 2}, {Base: to, Index: three, Scale: 1}}
		VMOVUPS(q, at[j])
	}
	ADDQ(w, from)
	LEAQ(Mem{Base: to, Index: phase, Scale: 4}, to)
	DECQ(rows)
	JNZ(LabelRef("row"))
	ADDQ(Imm(chunkSize), list)
	DECQ(count)
	JNZ(LabelRef("chunk"))
	VZEROUPPER()
	RET()
}
