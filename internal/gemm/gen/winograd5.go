package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// table emits a vector of 16 indexes.
func table(name string, f func(i int) uint32) Mem {
	m := GLOBL(name, RODATA|NOPTR)
	for i := range lanes {
		DATA(4*i, U32(f(i)))
	}
	return m
}

// chunkSize is the bytes of gemm.chunk: to, from, rows, mask.
const chunkSize = 32

// spread5 emits spreadGeneric for every chunk of a channel: two registers of pixels become four
// phases of 8.
func spread5() {
	even := table("phases01", func(i int) uint32 { return uint32(i%8*4 + i/8) })
	odd := table("phases23", func(i int) uint32 { return uint32(i%8*4 + i/8 + 2) })
	TEXT("spread5", NOSPLIT,
		"func(dst *float32, phase int, src *float32, w int, chunks *int, count int)")
	Doc("spread5 is spreadGeneric for count > 0 chunks of 32 columns.")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	phase := Load(Param("phase"), GP64())
	SHLQ(Imm(2), phase)
	src := Load(Param("src"), GP64())
	w := Load(Param("w"), GP64())
	SHLQ(Imm(2), w)
	list := Load(Param("chunks"), GP64())
	count := Load(Param("count"), GP64())
	i01, i23 := ZMM(), ZMM()
	VMOVUPS(even, i01)
	VMOVUPS(odd, i23)
	three := GP64()
	LEAQ(Mem{Base: phase, Index: phase, Scale: 2}, three)
	Label("chunk")
	to, from, rows, mask := GP64(), GP64(), GP64(), GP32()
	MOVQ(Mem{Base: list}, to)
	LEAQ(Mem{Base: dst, Index: to, Scale: 4}, to)
	MOVQ(Mem{Base: list, Disp: 8}, from)
	LEAQ(Mem{Base: src, Index: from, Scale: 4}, from)
	MOVQ(Mem{Base: list, Disp: 16}, rows)
	MOVL(Mem{Base: list, Disp: 24}, mask)
	low, high := K(), K()
	KMOVW(mask, low)
	SHRL(Imm(16), mask)
	KMOVW(mask, high)
	Label("row")
	p, q, b := ZMM(), ZMM(), ZMM()
	VMOVUPS_Z(Mem{Base: from}, low, p)
	VMOVUPS_Z(Mem{Base: from, Disp: 64}, high, b)
	VMOVAPS(p, q)
	VPERMT2PS(b, i01, p)
	VPERMT2PS(b, i23, q)
	VMOVUPS(p.AsY(), Mem{Base: to})
	VEXTRACTF32X8(Imm(1), p, Mem{Base: to, Index: phase, Scale: 1})
	VMOVUPS(q.AsY(), Mem{Base: to, Index: phase, Scale: 2})
	VEXTRACTF32X8(Imm(1), q, Mem{Base: to, Index: three, Scale: 1})
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

// transform5 emits transformGeneric for AVX-512 and several channels, with the gathering of a
// fixed number of spans in front; d is between the two halves.
func transform5(spans int) {
	name := fmt.Sprintf("transform5x%d", spans)
	TEXT(name, NOSPLIT, "func(v *float32, stride, vStep int, src *float32, srcStep int, "+
		"channels int, offsets *int32, spans *int, d *float32)")
	Doc(fmt.Sprintf("%s is transformGeneric for %d spans and channels > 0, which are", name, spans),
		"srcStep apart in src and vStep in v; d has room for 36 groups of lanes.")
	Pragma("noescape")
	a := newArith(narrow5, inConsts...)
	src := Load(Param("src"), GP64())
	list := Load(Param("spans"), GP64())
	m := newMasked(src, list, spans)
	Label("channel")
	offsets := Load(Param("offsets"), GP64())
	d := Load(Param("d"), GP64())
	columns := GP64()
	MOVQ(U32(winoIn), columns)
	Label("column")
	var x [winoIn]reg.VecVirtual
	off := GP64()
	for i := range x {
		x[i] = ZMM()
		MOVLQSX(Mem{Base: offsets, Disp: 4 * i}, off)
		m.load(off, x[i])
	}
	a.in(x, func(i int, y reg.VecVirtual) { VMOVUPS(y, Mem{Base: d, Disp: i * winoIn * groupSize}) })
	ADDQ(U32(4*winoIn), offsets)
	ADDQ(U32(groupSize), d)
	DECQ(columns)
	JNZ(LabelRef("column"))
	t := Load(Param("d"), GP64())
	v := Load(Param("v"), GP64())
	stride := Load(Param("stride"), GP64())
	SHLQ(Imm(2), stride)
	a.alongRows("rows", t, v, stride)

	step := Load(Param("srcStep"), GP64())
	for _, from := range m.from {
		LEAQ(Mem{Base: from, Index: step, Scale: 4}, from)
	}
	next := Load(Param("v"), GP64())
	vStep := Load(Param("vStep"), GP64())
	LEAQ(Mem{Base: next, Index: vStep, Scale: 4}, next)
	Store(next, Param("v"))
	left := Load(Param("channels"), GP64())
	DECQ(left)
	Store(left, Param("channels"))
	JNZ(LabelRef("channel"))
	VZEROUPPER()
	RET()
}

// segmentSize is the bytes of gemm.segment: from, to, mask, n, row.
const segmentSize = 40

// output5 emits winoOutput.run for AVX-512.
func output5() {
	// Two vectors of even and odd columns become pixels 2k and 2k+1 of tiles 0 to 7 and 8 to 15.
	low := table("zipLow", func(i int) uint32 { return uint32(i/2 + i%2*16) })
	high := table("zipHigh", func(i int) uint32 { return uint32(i/2 + i%2*16 + 8) })
	// Pairs of pixels, as eight 64-bit indexes.
	pairs := func(name string, first uint32) Mem {
		return table(name, func(i int) uint32 {
			if i%2 == 1 {
				return 0
			}
			return uint32(i/4) + uint32(i/2%2*8) + first
		})
	}
	pairLow, pairHigh := pairs("pairLow", 0), pairs("pairHigh", 4)

	TEXT("output5", NOSPLIT, "func(m *float32, stride, ldm, rows int, bias *float32, "+
		"dst *float32, plane int, segments *int, count int, t, row, residual *float32)")
	Doc("output5 is winoOutput.run; bias, row and residual may be nil; t has room for 40 groups of lanes.")
	Pragma("noescape")
	a := newArith(narrow5, outConsts...)
	zipLow, zipHigh, twoLow, twoHigh := ZMM(), ZMM(), ZMM(), ZMM()
	VMOVUPS(low, zipLow)
	VMOVUPS(high, zipHigh)
	VMOVUPS(pairLow, twoLow)
	VMOVUPS(pairHigh, twoHigh)
	m := Load(Param("m"), GP64())
	stride := Load(Param("stride"), GP64())
	SHLQ(Imm(2), stride)
	t := Load(Param("t"), GP64())
	bias := Load(Param("bias"), GP64())
	rows := Load(Param("rows"), GP64())
	dst := Load(Param("dst"), GP64())
	Label("row")
	a.downColumns("column", m, stride, t)
	b := ZMM()
	VPXORD(b, b, b)
	TESTQ(bias, bias)
	JZ(LabelRef("plain"))
	VBROADCASTSS(Mem{Base: bias}, b)
	ADDQ(Imm(4), bias)
	Label("plain")
	for i := range winoOut {
		var y [winoOut]reg.VecVirtual
		at := i * winoIn * groupSize
		var x [winoIn]reg.VecVirtual
		for j := range x {
			x[j] = ZMM()
			VMOVUPS(Mem{Base: t, Disp: at + j*groupSize}, x[j])
		}
		a.out(x, func(j int, v reg.VecVirtual) { y[j] = v })
		for _, v := range y {
			VADDPS(b, v, v)
		}
		zip := func(x, y, index reg.VecVirtual, double bool) reg.VecVirtual {
			z := ZMM()
			VMOVAPS(index, z)
			if double {
				VPERMI2PD(y, x, z)
			} else {
				VPERMI2PS(y, x, z)
			}
			return z
		}
		to := (winoOut*winoIn + i*winoOut) * groupSize
		for half, index := range []reg.VecVirtual{zipLow, zipHigh} {
			p, q := zip(y[0], y[1], index, false), zip(y[2], y[3], index, false)
			VMOVUPS(zip(p, q, twoLow, true), Mem{Base: t, Disp: to + 2*half*groupSize})
			VMOVUPS(zip(p, q, twoHigh, true), Mem{Base: t, Disp: to + (2*half+1)*groupSize})
		}
	}
	scatter5(dst, t)
	plane := Load(Param("plane"), GP64())
	LEAQ(Mem{Base: dst, Index: plane, Scale: 4}, dst)
	// What is nil stays so.
	residual := Load(Param("residual"), GP64())
	LEAQ(Mem{Base: residual, Index: plane, Scale: 4}, plane)
	TESTQ(residual, residual)
	CMOVQNE(plane, residual)
	Store(residual, Param("residual"))
	value := Load(Param("row"), GP64())
	LEAQ(Mem{Base: value, Disp: 4}, plane)
	TESTQ(value, value)
	CMOVQNE(plane, value)
	Store(value, Param("row"))
	ldm := Load(Param("ldm"), GP64())
	LEAQ(Mem{Base: m, Index: ldm, Scale: 4}, m)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// scatter5 copies the segments from the pixels in t to dst.
func scatter5(dst, t reg.Register) {
	list := Load(Param("segments"), GP64())
	count := Load(Param("count"), GP64())
	Label("segment")
	from, to, mask, k, v := GP64(), GP64(), GP32(), K(), ZMM()
	MOVQ(Mem{Base: list}, from)
	MOVQ(Mem{Base: list, Disp: 8}, to)
	MOVL(Mem{Base: list, Disp: 16}, mask)
	KMOVW(mask, k)
	VMOVUPS_Z(Mem{Base: t, Disp: winoOut * winoIn * groupSize, Index: from, Scale: 4}, k, v)
	row := Load(Param("row"), GP64())
	TESTQ(row, row)
	JZ(LabelRef("rowless"))
	image := GP64()
	MOVQ(Mem{Base: list, Disp: 32}, image)
	VADDPS_BCST(Mem{Base: row, Index: image, Scale: 4}, v, v)
	Label("rowless")
	residual := Load(Param("residual"), GP64())
	TESTQ(residual, residual)
	JZ(LabelRef("store"))
	VADDPS_Z(Mem{Base: residual, Index: to, Scale: 4}, v, k, v)
	Label("store")
	VMOVUPS(v, k, Mem{Base: dst, Index: to, Scale: 4})
	ADDQ(Imm(segmentSize), list)
	DECQ(count)
	JNZ(LabelRef("segment"))
}
