package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// The layout of gpu.fused: pointers, then numbers.
const (
	fusedR       = 0 // x, base, d, -, -, h0..h3, n0, n1: the registers in the order of a row
	fusedSlot    = 88
	fusedKnown   = 96
	fusedMask    = 104
	fusedOut     = 112
	fusedIn      = 120
	fusedWeights = 128
	fusedConds   = 136
	fusedPitch   = 144
	fusedX       = 152 // the rows of coefficients
	fusedBase    = 196
	fusedPush    = 240
	fusedSkip    = 284
	fusedGain    = 288
	fusedFactor  = 292
	fusedLimit   = 296
	fusedNextIn  = 300
	fusedReads   = 304 // of x, base and push
	fusedDoes    = 316
)

// The bits of gpu.fused.does.
const (
	doEval = 1 << iota
	doFactor
	doSkip
	doGain
	doUnc
	doClip
	doDivide
	doInpaint
	doBase
	doPush
	doNext
)

// The registers of a row.
const (
	regX    = 0
	regBase = 1
	regD    = 2
	regRaw  = 3
	regUnc  = 4
	regH    = 5
	regN    = 9
	regs    = 11
)

// step emits the fused update with everything between the reads and writes of a group in registers.
type step struct {
	set
	vectors        int    // in a group
	label          string // of the group
	args, at, does reg.Register
	d, raw, unc    []reg.VecVirtual
}

// fused emits the routine. A group is many vectors while there are as many, then one.
func (s set) fused() {
	TEXT("fused"+s.name, NOSPLIT, "func(n int, f **float32)")
	many := 2
	if s.wide() {
		many = 4
	}
	lanes := s.size / 4
	Doc(fmt.Sprintf("fused%s does a fused update, that of which f is the first field, for n elements,", s.name),
		fmt.Sprintf("a multiple of %d above 0.", lanes))
	Pragma("noescape")
	n := Load(Param("n"), GP64())
	args := Load(Param("f"), GP64())
	at, does := GP64(), GP32()
	XORQ(at, at)
	MOVL(Mem{Base: args, Disp: fusedDoes}, does)
	for _, g := range []struct {
		label   string
		vectors int
	}{{"many", many}, {"one", 1}} {
		Label(g.label)
		CMPQ(n, U32(uint32(g.vectors*lanes)))
		JB(LabelRef(g.label + "_end"))
		st := &step{set: s, vectors: g.vectors, label: g.label, args: args, at: at, does: does}
		st.group()
		ADDQ(U32(uint32(g.vectors*s.size)), at)
		SUBQ(U32(uint32(g.vectors*lanes)), n)
		JMP(LabelRef(g.label))
		Label(g.label + "_end")
	}
	VZEROUPPER()
	RET()
}

func (s *step) vecs() []reg.VecVirtual {
	v := make([]reg.VecVirtual, s.vectors)
	for i := range v {
		v[i] = s.vec()
	}
	return v
}

// pointer returns a pointer of the arguments at the group's place.
func (s *step) pointer(field int) reg.GPVirtual {
	p := GP64()
	MOVQ(Mem{Base: s.args, Disp: field}, p)
	ADDQ(s.at, p)
	return p
}

func (s *step) element(p reg.Register, i int) Mem { return Mem{Base: p, Disp: i * s.size} }

// unless jumps to a label of the group when none of the bits is set.
func (s *step) unless(flags reg.Register, bits int, label string) {
	TESTL(U32(uint32(bits)), flags)
	JZ(LabelRef(s.label + "_" + label))
}

func (s *step) here(label string) { Label(s.label + "_" + label) }

func (s *step) clear(y []reg.VecVirtual) {
	for _, v := range y {
		VXORPS(v, v, v)
	}
}

func (s *step) move(from, to reg.VecVirtual) {
	VMOVAPS(from, to)
}

// coefficient fills k with a number of the arguments.
func (s *step) coefficient(field int) reg.VecVirtual {
	k := s.vec()
	VBROADCASTSS(Mem{Base: s.args, Disp: field}, k)
	return k
}

// add is y += k*r with two roundings; r(i) is a vector of the register.
func (s *step) add(y []reg.VecVirtual, k reg.VecVirtual, r func(i int) Op) {
	for i := range y {
		p := s.vec()
		VMULPS(r(i), k, p)
		VADDPS(p, y[i], y[i])
	}
}

func (s *step) memory(p reg.Register) func(i int) Op {
	return func(i int) Op { return s.element(p, i) }
}

func values(v []reg.VecVirtual) func(i int) Op { return func(i int) Op { return v[i] } }

func (s *step) store(v []reg.VecVirtual, p reg.Register) {
	for i := range v {
		VMOVUPS(v[i], s.element(p, i))
	}
}

// group makes some vectors of every output.
func (s *step) group() {
	s.d, s.raw, s.unc = s.vecs(), s.vecs(), s.vecs()
	s.unless(s.does, doEval, "idle")
	s.predict()
	JMP(LabelRef(s.label + "_rows"))
	s.here("idle") // defined on every way, for the allocation of registers
	for _, v := range [][]reg.VecVirtual{s.d, s.raw, s.unc} {
		s.clear(v)
	}
	s.here("rows")
	x, base, push := s.vecs(), s.vecs(), s.vecs()
	s.row("x", x, fusedX, 0)
	s.unless(s.does, doBase|doPush, "write")
	s.clear(base)
	s.unless(s.does, doBase, "push")
	s.row("base", base, fusedBase, 1)
	s.here("push")
	s.unless(s.does, doPush, "pushed")
	s.row("push", push, fusedPush, 2)
	s.store(push, s.pointer(fusedSlot))
	s.here("pushed")
	s.unless(s.does, doBase, "write")
	s.store(base, s.pointer(fusedR+8*regBase))
	s.here("write")
	s.store(x, s.pointer(fusedR))
	s.unless(s.does, doNext, "next")
	k := s.coefficient(fusedNextIn)
	for i := range x {
		VMULPS(x[i], k, x[i])
	}
	in, c, pitch := s.pointer(fusedIn), GP64(), GP64()
	MOVQ(Mem{Base: s.args, Disp: fusedConds}, c)
	MOVQ(Mem{Base: s.args, Disp: fusedPitch}, pitch)
	s.here("input")
	s.store(x, in)
	ADDQ(pitch, in)
	DECQ(c)
	JNZ(LabelRef(s.label + "_input"))
	s.here("next")
}

// predict makes raw, unc and d.
func (s *step) predict() {
	m := s.vecs()
	out := s.guide(m)
	s.unless(s.does, doFactor, "guided")
	k := s.coefficient(fusedFactor)
	for i := range m {
		VMULPS(m[i], k, m[i])
	}
	s.here("guided")
	s.sum2("raw", s.raw, values(m))
	for i := range m {
		s.move(s.raw[i], s.unc[i])
	}
	s.unless(s.does, doUnc, "clip")
	s.sum2("unc", s.unc, s.memory(out))
	s.here("clip")
	for i := range m {
		s.move(s.raw[i], s.d[i])
	}
	s.unless(s.does, doClip, "clipped")
	s.clip()
	s.here("clipped")
	s.unless(s.does, doInpaint, "denoised")
	known, mask, one := s.pointer(fusedKnown), s.pointer(fusedMask), s.load(float(1))
	for i := range m {
		s.inpaint(s.d[i], s.element(mask, i), s.element(known, i), one)
	}
	s.here("denoised")
	s.store(s.d, s.pointer(fusedR+8*regD))
}

// guide makes m of all conditions and returns the place of the last one's output.
func (s *step) guide(m []reg.VecVirtual) reg.GPVirtual {
	s.clear(m)
	out, w, c, pitch, weight := s.pointer(fusedOut), GP64(), GP64(), GP64(), GP32()
	MOVQ(Mem{Base: s.args, Disp: fusedWeights}, w)
	MOVQ(Mem{Base: s.args, Disp: fusedConds}, c)
	MOVQ(Mem{Base: s.args, Disp: fusedPitch}, pitch)
	s.here("condition")
	MOVL(Mem{Base: w}, weight)
	ADDL(weight, weight) // zeros of both signs
	JZ(LabelRef(s.label + "_without"))
	k := s.vec()
	VBROADCASTSS(Mem{Base: w}, k)
	s.add(m, k, s.memory(out))
	s.here("without")
	ADDQ(Imm(4), w)
	ADDQ(pitch, out)
	DECQ(c)
	JNZ(LabelRef(s.label + "_condition"))
	SUBQ(pitch, out)
	return out
}

// sum2 is y = skip*x + gain*r.
func (s *step) sum2(label string, y []reg.VecVirtual, r func(i int) Op) {
	s.clear(y)
	s.unless(s.does, doSkip, label+"_skip")
	s.add(y, s.coefficient(fusedSkip), s.memory(s.pointer(fusedR)))
	s.here(label + "_skip")
	s.unless(s.does, doGain, label+"_gain")
	s.add(y, s.coefficient(fusedGain), r)
	s.here(label + "_gain")
}

// clip limits d, and divides it by the limit. The second operand of a minimum or maximum of which one is NaN
// is the result, so NaN passes.
func (s *step) clip() {
	limit, low := s.coefficient(fusedLimit), s.vec()
	VXORPS(bits(1<<31), limit, low)
	for _, d := range s.d {
		VMINPS(d, limit, d)
		VMAXPS(d, low, d)
	}
	s.unless(s.does, doDivide, "clipped")
	for _, d := range s.d {
		VDIVPS(limit, d, d)
	}
}

// inpaint is d = mask*d + (1-mask)*known, where a factor of zero skips its product.
func (s *step) inpaint(d reg.VecVirtual, mask, known Op, one reg.VecVirtual) {
	m, rest, zero := s.load(mask), s.vec(), s.vec()
	VXORPS(zero, zero, zero)
	VSUBPS(m, one, rest)
	if s.wide() {
		some, other := K(), K()
		VPTESTMD(bits(1<<31-1), m, some)
		VPTESTMD(bits(1<<31-1), rest, other)
		VMULPS(d, m, d)
		VADDPS_Z(zero, d, some, d)
		VMULPS(known, rest, rest)
		VADDPS(rest, d, other, d)
		return
	}
	const notEqual = 4
	some := s.vec()
	VCMPPS(Imm(notEqual), zero, m, some)
	VMULPS(d, m, d)
	VADDPS(zero, d, d)
	VANDPS(some, d, d)
	VCMPPS(Imm(notEqual), zero, rest, some)
	VMULPS(known, rest, rest)
	VADDPS(rest, d, rest)
	VBLENDVPS(some, rest, d, d)
}

// row is y = the sum of the registers with their coefficients.
func (s *step) row(name string, y []reg.VecVirtual, k, number int) {
	s.clear(y)
	reads := GP32()
	MOVL(Mem{Base: s.args, Disp: fusedReads + 4*number}, reads)
	sources := map[int]func(i int) Op{regD: values(s.d), regRaw: values(s.raw), regUnc: values(s.unc)}
	term := func(j int) {
		next := fmt.Sprintf("%s_%d", name, j)
		s.unless(reads, 1<<j, next)
		r := sources[j]
		if r == nil {
			r = s.memory(s.pointer(fusedR + 8*j))
		}
		s.add(y, s.coefficient(k+4*j), r)
		s.here(next)
	}
	// Registers that are mostly not there together are skipped together.
	some := func(first, count int) {
		after := fmt.Sprintf("%s_from_%d", name, first+count)
		s.unless(reads, (1<<count-1)<<first, after)
		for j := first; j < first+count; j++ {
			term(j)
		}
		s.here(after)
	}
	term(regX)
	term(regBase)
	term(regD)
	some(regRaw, 2)
	some(regH, regN-regH)
	some(regN, regs-regN)
}
