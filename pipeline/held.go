package pipeline

import (
	"context"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// heldPart is the part of the images of a job that stays, where the mask is 0. All of its requests have one plan.
type heldPart struct {
	plan         *sampler.Plan
	mask         []float32   // [elems], 0 or 1
	clean, noise [][]float32 // of each image, [elems]
	conds        int         // of each image
}

// heldModel is a denoiser that sees the part that stays as diffusers' in-painting pipelines show it to networks
// that were not made for in-painting: from the second evaluation on, with the initial noise at the level of the
// evaluation,
//
//	in = c_in*(alpha*z + sigma*noise)   where the mask is 0
//
// diffusers writes that to the sample after each step. What a sampler does is done to each element by itself, so
// the part that is drawn is the same.
type heldModel struct {
	sampler.Model
	part *heldPart
	next int  // stage of the plan
	late bool // the first evaluation is done
}

// newHeldModel is one whose run goes on after so many stages.
func newHeldModel(m sampler.Model, part *heldPart, done int) *heldModel {
	h := &heldModel{Model: m, part: part, next: done}
	for _, st := range part.plan.Stages[:done] {
		h.late = h.late || st.Eval
	}
	return h
}

// Forward implements [sampler.Model].
func (m *heldModel) Forward(ctx context.Context, e *sampler.Eval) error {
	stages := m.part.plan.Stages
	for m.next < len(stages)-1 && !stages[m.next].Eval {
		m.next++
	}
	if m.late {
		m.part.write(e, &stages[m.next])
	}
	m.next, m.late = m.next+1, true
	return m.Model.Forward(ctx, e)
}

// PredictsVariance implements [sampler.VarianceModel].
func (m *heldModel) PredictsVariance() bool { return sampler.PredictsVariance(m.Model) }

// write puts the part that stays into the inputs of a stage.
func (h *heldPart) write(e *sampler.Eval, st *sampler.Stage) {
	in := e.In.Host()
	for _, row := range e.Active {
		x := in[row*e.Elems : (row+1)*e.Elems]
		z, noise := h.clean[row/h.conds], h.noise[row/h.conds]
		for i, m := range h.mask {
			if m == 0 {
				x[i] = float32(st.At.In * (float64(st.At.Alpha*float64(z[i])) + float64(st.At.Sigma*float64(noise[i]))))
			}
		}
	}
}

// finish puts the part that stays into the final latents of an image.
func (h *heldPart) finish(image int, x []float32) {
	for i, m := range h.mask {
		if m == 0 {
			x[i] = h.clean[image][i]
		}
	}
}
