package gpu

import (
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// The place of each register in a row of coefficients: the order of sampler.Row.Coefficients, in
// which every device adds.
const (
	regX = iota
	regBase
	regD
	regRaw
	regUnc
	regH
	regN = regH + sampler.Slots
	regs = sampler.Registers
)

// What a stage does beside writing x.
const (
	flagEval    = 1 << iota // the network's output is used: raw, unc and d are made
	flagBase                // base is written
	flagPush                // h[slot] is written
	flagUnc                 // unc has a coefficient
	flagN0                  // n0 has a coefficient
	flagN1                  // n1 has a coefficient
	flagNext                // the next stage evaluates the network: its input and timestep are written
	flagFirst               // m is the first condition's output
	flagNone                // m is zero
	flagLearned             // n0 is scaled by exp(bias + gain*v)
	flagRoot                // n0 is scaled by sqrt(max(v, 0))
)

// entry is one stage as devices read it: every number rounded once from the plan's float64. It
// consists of 4-byte words only, so it has one layout in Go, C and device memory.
type entry struct {
	x, base, push [regs]float32 // rows of the fused update
	skip, out     float32       // raw = skip*x + out*m
	clip          float32       // limit of d, 0 for none
	nextIn, nextT float32       // c_in and timestep of the next stage
	flags         uint32
	slot          uint32
	draw          [2]uint32 // behind n0 and n1
	bias, gain    float32   // of flagLearned
	terms         [2]uint32 // where the draws start that n0 and n1 are sums of
	counts        uint32    // how many: n0 in the lower 16 bits, n1 in the upper; 0 for a draw of its own
}

// noiseTerm is one draw of a sum, as devices read it.
type noiseTerm struct {
	draw   uint32
	weight float32
}

// sumOf returns the terms of noise k among those of the plan.
func (e *entry) sumOf(k int, terms []noiseTerm) []noiseTerm {
	return terms[e.terms[k]:][:e.counts>>(16*k)&0xffff]
}

func (e *entry) has(flag uint32) bool { return e.flags&flag != 0 }

// averages tells whether the stage adds to the running average of a plan that has one.
func (e *entry) averages() bool { return e.has(flagEval) && !e.has(flagFirst|flagNone) }

// uses tells whether any row has a coefficient for register j. Rows that are not written are zero.
func (e *entry) uses(j int) bool { return e.x[j] != 0 || e.base[j] != 0 || e.push[j] != 0 }

// newTable rounds a plan to entries, and to the terms of its draws. The plan is valid.
func newTable(p *sampler.Plan) ([]entry, []noiseTerm, error) {
	table := make([]entry, len(p.Stages))
	terms, starts := newTerms(p)
	for i := range p.Stages {
		st := &p.Stages[i]
		e := &table[i]
		e.x = round(st.X)
		if st.Base != nil {
			e.base = round(*st.Base)
			e.flags |= flagBase
		}
		if st.Push != nil {
			e.push = round(*st.Push)
			e.flags |= flagPush
			e.slot = uint32(st.Slot)
		}
		if st.Eval {
			e.flags |= flagEval
			e.skip, e.out = float32(st.From.Skip), float32(st.From.Out)
			e.clip = float32(st.Clip)
			e.flags |= map[sampler.Guidance]uint32{sampler.GuideFirst: flagFirst, sampler.GuideNone: flagNone}[st.Guidance]
		}
		if e.uses(regUnc) {
			e.flags |= flagUnc
		}
		for k, flag := range [2]uint32{flagN0, flagN1} {
			if !e.uses(regN + k) {
				continue
			}
			if int64(st.Draws[k]) > math.MaxUint32 {
				return nil, nil, &sampler.PlanError{Sampler: p.Sampler, Step: st.Step,
					Detail: fmt.Sprintf("noise draw %d: want less than 2^32", st.Draws[k])}
			}
			e.flags |= flag
			e.draw[k] = uint32(st.Draws[k])
			if n := len(p.Terms(st.Draws[k])); n > 0 {
				e.terms[k] = starts[st.Draws[k]-1]
				e.counts |= uint32(n) << (16 * k)
			}
		}
		if l := st.Learned; l != nil && e.has(flagN0) {
			e.bias, e.gain = float32(l.Bias), float32(l.Gain)
			e.flags |= flagLearned
			if l.Root {
				e.flags ^= flagLearned | flagRoot
			}
		}
		if i+1 < len(p.Stages) && p.Stages[i+1].Eval {
			e.flags |= flagNext
			e.nextIn, e.nextT = float32(p.Stages[i+1].At.In), float32(p.Stages[i+1].At.T)
		}
	}
	return table, terms, nil
}

// newTerms rounds the terms of all draws, and tells where those of each start.
func newTerms(p *sampler.Plan) (terms []noiseTerm, starts []uint32) {
	for _, sum := range p.Increments {
		starts = append(starts, uint32(len(terms)))
		for _, t := range sum {
			terms = append(terms, noiseTerm{t.Draw, float32(t.Weight)})
		}
	}
	return terms, starts
}

func round(r sampler.Row) (k [regs]float32) {
	for j, c := range r.Coefficients() {
		k[j] = float32(c)
	}
	return k
}
