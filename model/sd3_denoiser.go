package model

import (
	"context"
	"slices"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// SD3Denoiser is an SD3 as a [sampler.Model] on the CPU: its results are velocities of a
// rectified flow ([SD3]). Conditions are [*TextEmbedding] with Data, Tokens and Pooled; texts
// of different lengths may be mixed in a batch. It is used by one goroutine at a time.
type SD3Denoiser struct {
	net   *SD3
	pool  *workers.Pool
	shape []int
	texts textRunners
	// For the rows of one run.
	context, pooled []float32
}

var _ sampler.Model = (*SD3Denoiser)(nil)

// Denoiser returns m as a model for latents of height x width; 0, 0 is the size it was made
// for. A network of other channels of output than of input is refused with a [*ShapeError].
func (m *SD3) Denoiser(height, width int, pool *workers.Pool) (*SD3Denoiser, error) {
	if height == 0 && width == 0 {
		height, width = m.Height(), m.Width()
	}
	if m.OutChannels() != m.Channels() {
		return nil, shapeErrorf("output", "%d channels for %d of input, wanted as many",
			m.OutChannels(), m.Channels())
	}
	if _, err := m.graph.ShapesAt(Size{height, width, 1}); err != nil {
		return nil, err
	}
	return &SD3Denoiser{net: m, pool: pool, shape: []int{m.Channels(), height, width}}, nil
}

// Shape implements [sampler.Model].
func (d *SD3Denoiser) Shape() []int { return d.shape }

// Forward implements [sampler.Model].
func (d *SD3Denoiser) Forward(ctx context.Context, e *sampler.Eval) error {
	if err := checkEval(e, d.shape); err != nil {
		return err
	}
	for _, row := range e.Active {
		if err := d.check(e.Conds[row]); err != nil {
			return err
		}
	}
	return d.texts.each(e, func(r *textRunner, rows []int) error { return d.forward(ctx, e, r, rows) })
}

// check refuses what is not a condition of this network.
func (d *SD3Denoiser) check(cond sampler.Cond) error {
	c, ok := cond.(*TextEmbedding)
	if !ok || c == nil {
		return inputErrorf("condition", "%v (%[1]T): want a *model.TextEmbedding", cond)
	}
	if c.Tokens < 1 || c.Tokens > maxSide {
		return inputErrorf("condition", "%d tokens are not within 1..%d", c.Tokens, maxSide)
	}
	if want := c.Tokens * d.net.ContextDim(); len(c.Data) != want {
		return inputErrorf("condition", "has %d elements, wanted %d (%d tokens of %d)",
			len(c.Data), want, c.Tokens, d.net.ContextDim())
	}
	if len(c.Pooled) != d.net.PooledDim() {
		return inputErrorf("condition", "Pooled has %d elements, wanted %d", len(c.Pooled), d.net.PooledDim())
	}
	if c.Class != 0 || c.TimeCond != nil || c.TimeIDs != nil || c.Control != nil || c.ControlScale != nil ||
		c.Beside != nil || c.Perturbed {
		return inputErrorf("condition", "has more than Data, Tokens and Pooled, which is all the network takes")
	}
	return nil
}

// forward evaluates all, whose texts have the same length.
func (d *SD3Denoiser) forward(ctx context.Context, e *sampler.Eval, r *textRunner, all []int) error {
	err := r.grow(len(e.Conds), e.Elems, func(rows int) (*Executor, error) {
		return d.net.CompileSize(rows, Size{d.shape[1], d.shape[2], r.tokens}, d.pool)
	})
	if err != nil {
		return err
	}
	for rows := range slices.Chunk(all, r.cap) {
		d.context, d.pooled = d.context[:0], d.pooled[:0]
		for _, row := range rows {
			c := e.Conds[row].(*TextEmbedding)
			d.context, d.pooled = append(d.context, c.Data...), append(d.pooled, c.Pooled...)
		}
		if err := r.run(ctx, e, rows, Inputs{Context: d.context, Pooled: d.pooled}); err != nil {
			return err
		}
	}
	return nil
}
