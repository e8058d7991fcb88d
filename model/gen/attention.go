package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// isa is the vectors that hold the 16 lanes of a block of attention.
type isa struct {
	name    string
	parts   int // registers of 16 lanes
	reg     func() reg.VecVirtual
	consts  func() expConsts
	mulRows []int // row counts of the kernels of mulBlock
}

var (
	avx2   = isa{"AVX2", 2, YMM, loadExpConsts, []int{1, 4}}
	avx512 = isa{"AVX512", 1, ZMM, loadExpConsts512, []int{8}}
)

// size is the bytes of a register.
func (s isa) size() int { return 64 / s.parts }

// regs returns registers for 16 lanes.
func (s isa) regs() []reg.VecVirtual {
	r := make([]reg.VecVirtual, s.parts)
	for i := range r {
		r[i] = s.reg()
	}
	return r
}

func (s isa) load(at reg.Register, disp int) []reg.VecVirtual {
	r := s.regs()
	for i, x := range r {
		VMOVUPS(Mem{Base: at, Disp: disp + i*s.size()}, x)
	}
	return r
}

func (s isa) store(r []reg.VecVirtual, at reg.Register, disp int) {
	for i, x := range r {
		VMOVUPS(x, Mem{Base: at, Disp: disp + i*s.size()})
	}
}

// softmax emits the part of a softmax over [n][16] scores, each of the 16 columns by itself,
// that softmaxTileGeneric describes. The state is top, sum and factor, 16 float32 each.
func (s isa) softmax() {
	TEXT("softmax"+s.name, NOSPLIT, "func(n int, s *float32, scale float32, state *float32)")
	Doc("softmax" + s.name + " is softmaxTileGeneric for n rows, at least one.")
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	at := Load(Param("s"), GP64())
	state := Load(Param("state"), GP64())
	scale := s.reg()
	VBROADCASTSS(NewParamAddr("scale", 16), scale)

	top := s.maxima(n, at, state)

	c := s.consts()
	// scaled replaces x by exp(max(scale*(x - top), -87)), the maximum being NaN for NaN.
	scaled := func(x, top reg.VecVirtual) {
		low, ok := c.low.(reg.VecVirtual)
		if !ok {
			low = s.reg()
			VMOVUPS(c.low, low)
		}
		VSUBPS(top, x, x)
		VMULPS(scale, x, x)
		VMAXPS(x, low, x)
		c.exp(x)
	}
	factor := s.load(state, 0)
	for i, x := range factor {
		scaled(x, top[i])
	}
	s.store(factor, state, 128)
	s.store(top, state, 0)
	sums := s.regs()
	for _, x := range sums {
		VXORPS(x, x, x)
	}
	row, k := start(n, at)
	Label("exp")
	// One register at a time: 16 of them hold no more.
	for i := range s.parts {
		x := s.reg()
		VMOVUPS(Mem{Base: row, Disp: i * s.size()}, x)
		scaled(x, top[i])
		VMOVUPS(x, Mem{Base: row, Disp: i * s.size()})
		VADDPS(x, sums[i], sums[i])
	}
	next(row, k, "exp")
	for i, f := range s.load(state, 128) {
		VMULPS(Mem{Base: state, Disp: 64 + i*s.size()}, f, f)
		VADDPS(sums[i], f, f)
		VMOVUPS(f, Mem{Base: state, Disp: 64 + i*s.size()})
	}
	VZEROUPPER()
	RET()
}

// maxima is the greatest of the tops so far and all rows. Rows take turns with four registers a
// lane, each of which would else wait for the one before; the order of maxima does not matter.
func (s isa) maxima(n, at, state reg.Register) []reg.VecVirtual {
	const turns = 4
	var tops [turns][]reg.VecVirtual
	for i := range tops {
		tops[i] = s.load(state, 0)
	}
	greater := func(v, top []reg.VecVirtual) {
		for i := range top {
			VMAXPS(top[i], v[i], top[i]) // v > top ? v : top
		}
	}
	row, k := start(n, at)
	SUBQ(Imm(turns), k)
	JLT(LabelRef("last"))
	Label("max")
	for i := range tops {
		greater(s.load(row, 64*i), tops[i])
	}
	ADDQ(U32(64*turns), row)
	SUBQ(Imm(turns), k)
	JGE(LabelRef("max"))
	Label("last")
	ADDQ(Imm(turns), k)
	JZ(LabelRef("found"))
	Label("one")
	greater(s.load(row, 0), tops[0])
	next(row, k, "one")
	Label("found")
	for _, t := range tops[1:] {
		greater(t, tops[0])
	}
	return tops[0]
}

// scaleRows emits dst[m][0:16] = src[m][0:16] * f[0:16] for rows m, which lie ldd apart in dst.
func (s isa) scaleRows() {
	TEXT("scaleRows"+s.name, NOSPLIT, "func(rows int, dst *float32, ldd int, src, f *float32)")
	Doc("scaleRows" + s.name + " is scaleRows for rows > 0.")
	Pragma("noescape")
	rows := Load(Param("rows"), GP64())
	dst := Load(Param("dst"), GP64())
	ldd := Load(Param("ldd"), GP64())
	SHLQ(Imm(2), ldd)
	src := Load(Param("src"), GP64())
	f := s.load(Load(Param("f"), GP64()), 0)
	Label("row")
	x := s.regs()
	for i := range x {
		VMULPS(Mem{Base: src, Disp: i * s.size()}, f[i], x[i])
	}
	s.store(x, dst, 0)
	ADDQ(Imm(64), src)
	ADDQ(ldd, dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// start and next frame a loop over the rows.
func start(n, s reg.Register) (at, k reg.GPVirtual) {
	at, k = GP64(), GP64()
	MOVQ(s, at)
	MOVQ(n, k)
	return at, k
}

func next(at, k reg.GPVirtual, label string) {
	ADDQ(Imm(64), at)
	DECQ(k)
	JNZ(LabelRef(label))
}

// mulBlock emits dst[m][0:16] = f*dst[m][0:16] + a[m][0]*b[0][0:16] + a[m][1]*b[1][0:16] + ...
// for a few rows m of A, which lie rowStride apart, their elements stride apart; f is 16 factors,
// or nil for zeros.
func (s isa) mulBlock(rows int) {
	name := fmt.Sprintf("mulBlock%sx%d", s.name, rows)
	TEXT(name, NOSPLIT, "func(k int, dst, a, b *float32, rowStride, stride int, factor *float32)")
	Doc(fmt.Sprintf("%s is mulBlockGeneric for %d rows.", name, rows))
	Pragma("noescape")
	k := Load(Param("k"), GP64())
	dst := Load(Param("dst"), GP64())
	b := Load(Param("b"), GP64())
	rowStride := Load(Param("rowStride"), GP64())
	stride := Load(Param("stride"), GP64())
	factor := Load(Param("factor"), GP64())
	SHLQ(Imm(2), rowStride)
	SHLQ(Imm(2), stride)
	element, step := s.rows(rows, rowStride, stride)
	sums := make([][]reg.VecVirtual, rows)
	for m := range rows {
		sums[m] = s.regs()
		for _, x := range sums[m] {
			VXORPS(x, x, x)
		}
	}
	TESTQ(factor, factor)
	JZ(LabelRef("loop"))
	f := s.load(factor, 0)
	for m := range rows {
		for i, x := range sums[m] {
			VMULPS(Mem{Base: dst, Disp: 64*m + i*s.size()}, f[i], x)
		}
	}
	Label("loop")
	v := s.load(b, 0)
	for m := range rows {
		if s.parts == 1 {
			VFMADD231PS_BCST(element[m], v[0], sums[m][0])
			continue
		}
		x := s.reg()
		VBROADCASTSS(element[m], x)
		for i := range v {
			VFMADD231PS(v[i], x, sums[m][i])
		}
	}
	step()
	ADDQ(Imm(64), b)
	DECQ(k)
	JNZ(LabelRef("loop"))
	for m := range rows {
		s.store(sums[m], dst, 64*m)
	}
	VZEROUPPER()
	RET()
}

// mulPair emits mulBlock for AVX-512, 8 rows and two blocks, so that an element of A is read once for
// both: a read for each product would take as long as the products.
func mulPair() {
	const rows = 8
	s := avx512
	TEXT("mulPairAVX512x8", NOSPLIT, "func(k int, dst0, dst1, a, b0, b1 *float32, "+
		"rowStride, stride int, factor0, factor1 *float32)")
	Doc("mulPairAVX512x8 is mulBlockGeneric for 8 rows and two blocks; both have factors or none has.")
	Pragma("noescape")
	k := Load(Param("k"), GP64())
	b := Load(Param("b0"), GP64())
	behind := Load(Param("b1"), GP64()) // from the first block to the second
	SUBQ(b, behind)
	rowStride := Load(Param("rowStride"), GP64())
	stride := Load(Param("stride"), GP64())
	SHLQ(Imm(2), rowStride)
	SHLQ(Imm(2), stride)
	element, step := s.rows(rows, rowStride, stride)
	dst, factors := [2]string{"dst0", "dst1"}, [2]string{"factor0", "factor1"}
	var sums [2][rows]reg.VecVirtual
	for i := range sums {
		for m := range sums[i] {
			sums[i][m] = ZMM()
			VPXORD(sums[i][m], sums[i][m], sums[i][m])
		}
	}
	first := Load(Param("factor0"), GP64())
	TESTQ(first, first)
	JZ(LabelRef("loop"))
	for i := range sums {
		f := s.load(Load(Param(factors[i]), GP64()), 0)[0]
		at := Load(Param(dst[i]), GP64())
		for m, x := range sums[i] {
			VMULPS(Mem{Base: at, Disp: 64 * m}, f, x)
		}
	}
	Label("loop")
	v := [2]reg.VecVirtual{ZMM(), ZMM()}
	VMOVUPS(Mem{Base: b}, v[0])
	VMOVUPS(Mem{Base: b, Index: behind, Scale: 1}, v[1])
	for m := range rows {
		x := ZMM()
		VBROADCASTSS(element[m], x)
		for i := range sums {
			VFMADD231PS(v[i], x, sums[i][m])
		}
	}
	step()
	ADDQ(Imm(64), b)
	DECQ(k)
	JNZ(LabelRef("loop"))
	for i := range sums {
		at := Load(Param(dst[i]), GP64())
		for m, x := range sums[i] {
			VMOVUPS(x, Mem{Base: at, Disp: 64 * m})
		}
	}
	VZEROUPPER()
	RET()
}

// rows returns the current element of each row of A and what moves on to the next: a pointer
// for each four rows.
func (s isa) rows(n int, rowStride, stride reg.Register) (element []Mem, step func()) {
	var at []reg.GPVirtual
	three := GP64()
	if n > 1 {
		LEAQ(Mem{Base: rowStride, Index: rowStride, Scale: 2}, three)
	}
	for m := range n {
		if m == 0 {
			at = append(at, GP64())
			Load(Param("a"), at[0])
		} else if m%4 == 0 {
			p := GP64()
			LEAQ(Mem{Base: at[len(at)-1], Index: rowStride, Scale: 4}, p)
			at = append(at, p)
		}
		e := Mem{Base: at[m/4]}
		switch m % 4 {
		case 1:
			e.Index, e.Scale = rowStride, 1
		case 2:
			e.Index, e.Scale = rowStride, 2
		case 3:
			e.Index, e.Scale = three, 1
		}
		element = append(element, e)
	}
	return element, func() {
		for _, p := range at {
			ADDQ(stride, p)
		}
	}
}
