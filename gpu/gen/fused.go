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
