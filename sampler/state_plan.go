package sampler

import (
	"encoding/binary"
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// The binary form of a plan: every field in the order of its declaration, little endian, float64 by their
// bits, so that nothing is lost. docs/plan.md's JSON is for programs that execute plans; it leaves out zeros
// and what no stage uses.

// What a plan or a stage has, as bits of a word before it.
const (
	planThreshold  = 1
	planProjection = 2
	planIncrements = 4
	planMomentum   = 8 // of the projection
	stageEval      = 1
	stageFinal     = 2
	stageBase      = 4
	stagePush      = 8
	stageFirst     = 16 // GuideFirst
	stageNone      = 32 // GuideNone
	stageLearned   = 64
	stageRoot      = 128 // Learned.Root
)

const stageBytes = 4 + 4*8 + 3*8 + Registers*8 + 8 + 2*8 + 8 // of a stage without base and push

func appendPlan(b []byte, p *Plan) []byte {
	b = appendBytes(b, []byte(p.Sampler))
	b = appendFloats(b, p.Init, p.Rescale)
	var flags uint32
	if p.Threshold != nil {
		flags |= planThreshold
	}
	if p.Projection != nil {
		flags |= planProjection
	}
	if p.Increments != nil {
		flags |= planIncrements
	}
	if p.Projection != nil && p.Projection.Momentum != 0 {
		flags |= planMomentum
	}
	b = binary.LittleEndian.AppendUint32(b, flags)
	if p.Threshold != nil {
		b = appendFloats(b, p.Threshold.Quantile, p.Threshold.Max)
	}
	if g := p.Projection; g != nil {
		b = appendFloats(b, float64(g.Kind), g.Eta, g.Norm)
	}
	if flags&planMomentum != 0 {
		b = appendFloats(b, p.Projection.Momentum)
	}
	if p.Increments != nil {
		b = appendIncrements(b, p.Increments)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(p.Stages)))
	for i := range p.Stages {
		b = appendStage(b, &p.Stages[i])
	}
	return b
}

func appendStage(b []byte, st *Stage) []byte {
	var flags uint32
	for _, f := range []struct {
		on  bool
		bit uint32
	}{{st.Eval, stageEval}, {st.Final, stageFinal}, {st.Base != nil, stageBase}, {st.Push != nil, stagePush},
		{st.Guidance == GuideFirst, stageFirst}, {st.Guidance == GuideNone, stageNone},
		{st.Learned != nil, stageLearned}, {st.Learned != nil && st.Learned.Root, stageRoot}} {
		if f.on {
			flags |= f.bit
		}
	}
	b = binary.LittleEndian.AppendUint32(b, flags)
	b = appendFloats(b, st.At.T, st.At.Alpha, st.At.Sigma, st.At.In, st.From.Skip, st.From.Out, st.Clip)
	for _, r := range st.rows() {
		c := r.Coefficients()
		b = appendFloats(b, c[:]...)
	}
	if l := st.Learned; l != nil {
		b = appendFloats(b, l.Bias, l.Gain)
	}
	for _, v := range []int{st.Slot, st.Draws[0], st.Draws[1], st.Step} {
		b = binary.LittleEndian.AppendUint64(b, uint64(v))
	}
	return b
}

// plan takes a length and a plan of just that length.
func (r *reader) plan() *Plan {
	in := &reader{b: r.bytes()}
	if r.err != nil {
		return nil
	}
	p := in.planAlone()
	if len(in.b) > 0 {
		in.fail("plan", "%d bytes too many", len(in.b))
	}
	r.err = in.err
	return p
}

func (r *reader) planAlone() *Plan {
	p := &Plan{Sampler: string(r.bytes())}
	p.Init, p.Rescale = r.float(), r.float()
	flags := r.flags("plan", planThreshold|planProjection|planIncrements|planMomentum)
	if flags&planThreshold != 0 {
		p.Threshold = &Threshold{Quantile: r.float(), Max: r.float()}
	}
	if flags&planProjection != 0 {
		kind := r.float()
		if kind != math.Trunc(kind) || !(kind >= 0 && kind <= float64(Tangential)) {
			r.fail("projection", "kind %v", kind)
		}
		p.Projection = &Projection{Kind: ProjectionKind(kind), Eta: r.float(), Norm: r.float()}
	}
	if flags&planMomentum != 0 {
		r.momentum(p.Projection)
	}
	if flags&planIncrements != 0 {
		p.Increments = r.increments()
	}
	n := r.count("stages", stageBytes)
	if r.err != nil {
		return nil
	}
	p.Stages = make([]Stage, n)
	for i := range p.Stages {
		r.stage(&p.Stages[i])
	}
	return p
}

// momentum takes that of g; zero is written by leaving it out, so that each plan has one form.
func (r *reader) momentum(g *Projection) {
	v := r.float()
	switch {
	case g == nil:
		r.fail("projection", "momentum without a projection")
	case v == 0:
		r.fail("projection", "momentum 0, which is left out")
	default:
		g.Momentum = v
	}
}

func (r *reader) stage(st *Stage) {
	flags := r.flags("stage", stageEval|stageFinal|stageBase|stagePush|stageFirst|stageNone|stageLearned|stageRoot)
	switch flags & (stageFirst | stageNone) {
	case stageFirst:
		st.Guidance = GuideFirst
	case stageNone:
		st.Guidance = GuideNone
	case stageFirst | stageNone:
		r.fail("stage", "guidance of both kinds")
	}
	st.Eval, st.Final = flags&stageEval != 0, flags&stageFinal != 0
	st.At = schedule.Point{T: r.float(), Alpha: r.float(), Sigma: r.float(), In: r.float()}
	st.From = schedule.Scaling{Skip: r.float(), Out: r.float()}
	st.Clip = r.float()
	st.X = r.row()
	if flags&stageBase != 0 {
		row := r.row()
		st.Base = &row
	}
	if flags&stagePush != 0 {
		row := r.row()
		st.Push = &row
	}
	switch flags & (stageLearned | stageRoot) {
	case 0:
	case stageRoot:
		r.fail("stage", "a root that nothing is learned of")
	default:
		st.Learned = &Learned{Bias: r.float(), Gain: r.float(), Root: flags&stageRoot != 0}
	}
	st.Slot, st.Draws[0], st.Draws[1], st.Step = r.int(), r.int(), r.int(), r.int()
}

func (r *reader) row() (row Row) {
	row.X, row.Base, row.D, row.Raw, row.Unc = r.float(), r.float(), r.float(), r.float(), r.float()
	for k := range row.H {
		row.H[k] = r.float()
	}
	row.N[0], row.N[1] = r.float(), r.float()
	return row
}

// appendIncrements writes the number of draws and, for each, the number of its terms and the terms.
func appendIncrements(b []byte, increments [][]Term) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(increments)))
	for _, terms := range increments {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(terms)))
		for _, t := range terms {
			b = appendFloats(binary.LittleEndian.AppendUint32(b, t.Draw), t.Weight)
		}
	}
	return b
}

func (r *reader) increments() [][]Term {
	increments := make([][]Term, r.count("increments", 4))
	for i := range increments {
		if n := r.count("terms", 12); n > 0 {
			increments[i] = make([]Term, n)
		}
		for k := range increments[i] {
			increments[i][k] = Term{r.uint32(), r.float()}
		}
	}
	return increments
}

func appendBytes(b, v []byte) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(v))), v...)
}

func appendFloats(b []byte, v ...float64) []byte {
	for _, f := range v {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(f))
	}
	return b
}
