package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The points of F(4x4, 3x3), and its sizes, as in package gemm.
const (
	pointA    = 11.0 / 16
	pointB    = 11.0 / 8
	winoOut   = 4
	winoIn    = 6
	winoTerms = winoIn * winoIn
)

// arith emits the one-dimensional transforms for one width of register.
type arith struct {
	shape
	consts map[float64]reg.VecVirtual
}

// newArith loads the constants.
func newArith(s shape, values ...float64) arith {
	a := arith{s, map[float64]reg.VecVirtual{}}
	for _, v := range values {
		bits, r := GP32(), s.vec()
		MOVL(U32(math.Float32bits(float32(v))), bits)
		x := XMM()
		VMOVD(bits, x) // not MOVD, which would wait for all upper halves
		VBROADCASTSS(x, r)
		a.consts[v] = r
	}
	return a
}

// The constants of the input's and the output's transform.
var (
	inConsts = []float64{pointA, pointB, pointA * pointA, pointB * pointB,
		pointA * pointA * pointB * pointB, pointA*pointA + pointB*pointB}
	outConsts = []float64{pointA, pointB, pointA * pointA, pointB * pointB,
		pointA * pointA * pointA, pointB * pointB * pointB}
)

// add emits fma(c, x, z), or fma(-c, x, z) with minus.
func (a arith) add(c float64, minus bool, x, z reg.VecVirtual) reg.VecVirtual {
	y := a.vec()
	VMOVAPS(z, y)
	if minus {
		VFNMADD231PS(a.consts[c], x, y)
	} else {
		VFMADD231PS(a.consts[c], x, y)
	}
	return y
}

// in emits winoIn1 and hands each value to store as soon as it is there.
func (a arith) in(d [winoIn]reg.VecVirtual, store func(i int, v reg.VecVirtual)) {
	const mul, sum = pointA * pointA * pointB * pointB, pointA*pointA + pointB*pointB
	pair := func(square, point float64, i int) {
		p := a.add(square, true, d[2], d[4])
		q := a.add(square, true, d[1], d[3])
		store(i, a.add(point, false, q, p))
		store(i+1, a.add(point, true, q, p))
	}
	store(0, a.add(mul, false, d[0], a.add(sum, true, d[2], d[4])))
	pair(pointB*pointB, pointA, 1)
	pair(pointA*pointA, pointB, 3)
	store(5, a.add(mul, false, d[1], a.add(sum, true, d[3], d[5])))
}

// out emits winoOut1 the same way.
func (a arith) out(m [winoIn]reg.VecVirtual, store func(i int, v reg.VecVirtual)) {
	sub := func(x, y reg.VecVirtual) reg.VecVirtual {
		z := a.vec()
		VSUBPS(y, x, z)
		return z
	}
	sum := func(x, y reg.VecVirtual) reg.VecVirtual {
		z := a.vec()
		VADDPS(y, x, z)
		return z
	}
	times := func(c float64, x reg.VecVirtual) reg.VecVirtual {
		z := a.vec()
		VMULPS(a.consts[c], x, z)
		return z
	}
	const a2, b2 = pointA * pointA, pointB * pointB
	s, d := sum(m[1], m[2]), sub(m[1], m[2])
	t, e := sum(m[3], m[4]), sub(m[3], m[4])
	store(0, sum(sum(m[0], s), t))
	store(1, a.add(pointB, false, e, times(pointA, d)))
	store(2, a.add(b2, false, t, times(a2, s)))
	store(3, a.add(pointB*b2, false, e, a.add(pointA*a2, false, d, m[5])))
}

// load6 loads six vectors, step bytes apart.
func (a arith) load6(at reg.Register, step int) (d [winoIn]reg.VecVirtual) {
	for i := range d {
		d[i] = a.vec()
		VMOVUPS(Mem{Base: at, Disp: i * step}, d[i])
	}
	return d
}

// groupSize is the bytes of a group of lanes.
const groupSize = lanes * 4

// alongRows is the second half of the input's transform: rows of six terms at d, one after the
// other, go to v.
func (a arith) alongRows(label string, d, v, stride reg.Register) {
	rows := GP64()
	MOVQ(U32(winoIn), rows)
	Label(label)
	a.in(a.load6(d, groupSize), func(_ int, x reg.VecVirtual) {
		VMOVUPS(x, Mem{Base: v})
		ADDQ(stride, v)
	})
	ADDQ(U32(winoIn*groupSize), d)
	DECQ(rows)
	JNZ(LabelRef(label))
}

// transform2 emits transformGeneric for AVX2, 8 lanes at a time; d is overwritten.
func transform2() {
	TEXT("transform2", NOSPLIT, "func(v *float32, stride int, d *float32, t *float32)")
	Doc("transform2 is transformGeneric; t has room for 36 groups of lanes.")
	Pragma("noescape")
	a := newArith(wide2, inConsts...)
	v := Load(Param("v"), GP64())
	stride := Load(Param("stride"), GP64())
	SHLQ(Imm(2), stride)
	d := Load(Param("d"), GP64())
	t := Load(Param("t"), GP64())
	for half := range 2 {
		name := []string{"low", "high"}[half]
		from, to, columns := GP64(), GP64(), GP64()
		LEAQ(Mem{Base: d, Disp: half * 32}, from)
		MOVQ(t, to)
		MOVQ(U32(winoIn), columns)
		Label(name)
		a.in(a.load6(from, groupSize), func(i int, x reg.VecVirtual) {
			VMOVUPS(x, Mem{Base: to, Disp: i * winoIn * groupSize})
		})
		ADDQ(U32(winoIn*groupSize), from)
		ADDQ(U32(groupSize), to)
		DECQ(columns)
		JNZ(LabelRef(name))
		row, at := GP64(), GP64()
		MOVQ(t, row)
		LEAQ(Mem{Base: v, Disp: half * 32}, at)
		a.alongRows(name+"rows", row, at, stride)
	}
	VZEROUPPER()
	RET()
}

// downColumns is the first half of the output's transform: m has six terms a column, to t.
func (a arith) downColumns(label string, m, stride, t reg.Register) {
	columns, at, to := GP64(), GP64(), GP64()
	MOVQ(U32(winoIn), columns)
	MOVQ(m, at)
	MOVQ(t, to)
	step, row := GP64(), GP64()
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, step)
	ADDQ(step, step) // six terms
	Label(label)
	var d [winoIn]reg.VecVirtual
	MOVQ(at, row)
	for i := range d {
		d[i] = a.vec()
		VMOVUPS(Mem{Base: row}, d[i])
		if i < winoIn-1 {
			ADDQ(step, row)
		}
	}
	a.out(d, func(i int, x reg.VecVirtual) { VMOVUPS(x, Mem{Base: to, Disp: i * winoIn * groupSize}) })
	ADDQ(stride, at)
	ADDQ(U32(groupSize), to)
	DECQ(columns)
	JNZ(LabelRef(label))
}

// output2 emits outputGeneric for AVX2.
func output2() {
	TEXT("output2", NOSPLIT, "func(y, m *float32, stride int, bias *float32, t *float32)")
	Doc("output2 is outputGeneric; bias may be nil; t has room for 24 groups of lanes.")
	Pragma("noescape")
	a := newArith(wide2, outConsts...)
	m := Load(Param("m"), GP64())
	stride := Load(Param("stride"), GP64())
	SHLQ(Imm(2), stride)
	y := Load(Param("y"), GP64())
	t := Load(Param("t"), GP64())
	bias := Load(Param("bias"), GP64())
	for half := range 2 {
		name := []string{"low", "high"}[half]
		a.downColumns(name, m, stride, t)
		b := YMM()
		VXORPS(b, b, b)
		TESTQ(bias, bias)
		JZ(LabelRef(name + "plain"))
		VBROADCASTSS(Mem{Base: bias}, b)
		Label(name + "plain")
		rows := GP64()
		MOVQ(U32(winoOut), rows)
		Label(name + "rows")
		var p [winoOut]reg.VecVirtual
		a.out(a.load6(t, groupSize), func(j int, x reg.VecVirtual) { p[j] = x })
		for _, x := range p {
			VADDPS(b, x, x)
		}
		for tile, x := range transpose(p, a.vec) { // of tiles 0 to 3, and 4 tiles further
			VMOVUPS(x.AsX(), Mem{Base: y, Disp: tile * 16})
			VEXTRACTF128(Imm(1), x, Mem{Base: y, Disp: (tile + 4) * 16})
		}
		ADDQ(U32(winoIn*groupSize), t)
		ADDQ(U32(winoOut*groupSize), y)
		DECQ(rows)
		JNZ(LabelRef(name + "rows"))
		SUBQ(U32(winoOut*winoIn*groupSize), t)
		SUBQ(U32(winoOut*winoOut*groupSize-8*16), y) // the other 8 tiles
		ADDQ(Imm(32), m)
	}
	VZEROUPPER()
	RET()
}

// transpose turns four registers into others of which register i has element i of each, in every
// part of 16 bytes.
func transpose(p [4]reg.VecVirtual, vec func() reg.VecVirtual) (q [4]reg.VecVirtual) {
	var t [4]reg.VecVirtual
	for i := range t {
		t[i], q[i] = vec(), vec()
	}
	VUNPCKLPS(p[1], p[0], t[0])
	VUNPCKHPS(p[1], p[0], t[1])
	VUNPCKLPS(p[3], p[2], t[2])
	VUNPCKHPS(p[3], p[2], t[3])
	VUNPCKLPD(t[2], t[0], q[0])
	VUNPCKHPD(t[2], t[0], q[1])
	VUNPCKLPD(t[3], t[1], q[2])
	VUNPCKHPD(t[3], t[1], q[3])
	return q
}
