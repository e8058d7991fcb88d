package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

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
