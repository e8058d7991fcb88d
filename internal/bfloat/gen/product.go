package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

const (
	pairs    = 16      // of a tile
	rowBytes = 64      // of a row of A's tile, of a pair of B's
	tile     = 16 * 64 // bytes
	// flushAll are MXCSR's bits that make denormal results and inputs zeros.
	flushAll = 1<<15 | 1<<6
)

// shape is a product's: the bytes of a register, the registers of 16 columns, the rows of a call.
type shape struct {
	name          string
	vecSize       int
	vectors, rows int
}

func (s shape) vec() reg.VecVirtual {
	if s.vecSize == 64 {
		return ZMM()
	}
	return YMM()
}

// product emits the sums of some rows of a tile: for each block
//
//	c[r][j] += (sum over even k of a[r][k]*b[k][j]) + (sum over odd k of the same)
//
// A word of B has the values of an even and an odd place; shifted and masked they are float32.
func (s shape) product() {
	TEXT(s.name, NOSPLIT, "func(kb int, a, b *uint16, c *float32, ldc int)")
	Doc(fmt.Sprintf("%s is productGeneric for %d rows; kb > 0.", s.name, s.rows))
	Pragma("noescape")
	kb := Load(Param("kb"), GP64())
	a := Load(Param("a"), GP64())
	b := Load(Param("b"), GP64())
	c := Load(Param("c"), GP64())
	ldc := Load(Param("ldc"), GP64())
	SHLQ(Imm(2), ldc)
	saved, flush := AllocLocal(4), AllocLocal(4)
	STMXCSR(saved)
	state := GP32()
	MOVL(saved, state)
	ORL(U32(flushAll), state)
	MOVL(state, flush)
	LDMXCSR(flush)
	bits, high := GP32(), s.vec()
	MOVL(U32(0xffff0000), bits)
	s.broadcast(bits, high)
	even, odd := s.registers(), s.registers()
	Label("block")
	for r := range even {
		for v := range even[r] {
			s.clear(even[r][v])
			s.clear(odd[r][v])
		}
	}
	left := GP64()
	MOVQ(U32(pairs), left)
	Label("pair")
	be, bo := make([]reg.VecVirtual, s.vectors), make([]reg.VecVirtual, s.vectors)
	for v := range be {
		be[v], bo[v] = s.vec(), s.vec()
		s.load(Mem{Base: b, Disp: v * s.vecSize}, bo[v])
		VPSLLD(Imm(16), bo[v], be[v])
		s.and(high, bo[v])
	}
	for r := range s.rows {
		ae, ao := s.vec(), s.vec()
		VPBROADCASTD(Mem{Base: a, Disp: r * rowBytes}, ao)
		VPSLLD(Imm(16), ao, ae)
		s.and(high, ao)
		for v := range be {
			VFMADD231PS(ae, be[v], even[r][v])
			VFMADD231PS(ao, bo[v], odd[r][v])
		}
	}
	ADDQ(Imm(4), a)
	ADDQ(Imm(rowBytes), b)
	DECQ(left)
	JNZ(LabelRef("pair"))
	row := GP64()
	MOVQ(c, row)
	for r := range even {
		for v := range even[r] {
			at := Mem{Base: row, Disp: v * s.vecSize}
			VADDPS(odd[r][v], even[r][v], even[r][v])
			VADDPS(at, even[r][v], even[r][v])
			VMOVUPS(even[r][v], at)
		}
		if r+1 < s.rows {
			ADDQ(ldc, row)
		}
	}
	ADDQ(U32(tile-pairs*4), a) // the next block's tile, the same row
	DECQ(kb)
	JNZ(LabelRef("block"))
	LDMXCSR(saved)
	VZEROUPPER()
	RET()
}

func (s shape) registers() [][]reg.VecVirtual {
	out := make([][]reg.VecVirtual, s.rows)
	for r := range out {
		for range s.vectors {
			out[r] = append(out[r], s.vec())
		}
	}
	return out
}

func (s shape) broadcast(from reg.Register, to reg.VecVirtual) {
	if s.vecSize == 64 {
		VPBROADCASTD(from, to)
		return
	}
	x := XMM()
	VMOVD(from, x)
	VPBROADCASTD(x, to)
}

func (s shape) clear(v reg.VecVirtual) {
	if s.vecSize == 64 {
		VPXORD(v, v, v)
		return
	}
	VPXOR(v, v, v)
}

func (s shape) load(at Mem, v reg.VecVirtual) { VMOVUPS(at, v) }

func (s shape) and(mask, v reg.VecVirtual) {
	if s.vecSize == 64 {
		VPANDD(mask, v, v)
		return
	}
	VPAND(mask, v, v)
}
