package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// gatherRun emits gatherRun for the tiles of a shape: the columns of all tiles of a k are copied
// before those of the next one, so that memory is read as a few long pieces.
func (s shape) gatherRun(name string) {
	TEXT(name, NOSPLIT, "func(dst *float32, size int, src *float32, offsets *int32, n, tiles int)")
	Doc(fmt.Sprintf("%s is gatherRun for tiles of %d columns, n > 0 offsets and tiles > 0.",
		name, s.vectors*s.vecSize/4))
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	size := Load(Param("size"), GP64())
	SHLQ(Imm(2), size)
	src := Load(Param("src"), GP64())
	offsets := Load(Param("offsets"), GP64())
	n := Load(Param("n"), GP64())
	tiles := Load(Param("tiles"), GP64())
	Label("k")
	from, to, left := GP64(), GP64(), GP64()
	MOVLQSX(Mem{Base: offsets}, from)
	LEAQ(Mem{Base: src, Index: from, Scale: 4}, from)
	MOVQ(dst, to)
	MOVQ(tiles, left)
	Label("tile")
	v := make([]reg.VecVirtual, s.vectors)
	for i := range v {
		v[i] = s.vec()
		VMOVUPS(Mem{Base: from, Disp: i * s.vecSize}, v[i])
	}
	for i := range v {
		VMOVUPS(v[i], Mem{Base: to, Disp: i * s.vecSize})
	}
	ADDQ(Imm(uint64(s.vectors*s.vecSize)), from)
	ADDQ(size, to)
	DECQ(left)
	JNZ(LabelRef("tile"))
	ADDQ(Imm(uint64(s.vectors*s.vecSize)), dst)
	ADDQ(Imm(4), offsets)
	DECQ(n)
	JNZ(LabelRef("k"))
	VZEROUPPER()
	RET()
}
