package model

import (
	"context"
	"slices"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// PixArtDenoiser is a PixArt as a [sampler.Model] on the CPU. Where the network predicts a
// variance too, samplers get the first half of its channels, which is the noise, as in diffusers'
// PixArtAlphaPipeline. Conditions are [*TextEmbedding] with Data, Tokens and, for a network with
// micro-conditions, TimeIDs ([PixArt.TimeIDs]). Data are the states of the tokens that are not
// padding, the first lengths[i] of [T5Encoder.Encode], so texts of different lengths may be mixed
// in a batch. It is used by one goroutine at a time.
type PixArtDenoiser struct {
	net   *PixArt
	pool  *workers.Pool
	shape []int
	texts textRunners
	// For the rows of one run.
	context, sizes []float32
}

var _ sampler.Model = (*PixArtDenoiser)(nil)

// Denoiser returns m as a model for latents of height x width; 0, 0 is the size it was made
// for. A network of other channels of output than those of input or twice as many is refused
// with a [*ShapeError].
func (m *PixArt) Denoiser(height, width int, pool *workers.Pool) (*PixArtDenoiser, error) {
	if height == 0 && width == 0 {
		height, width = m.Height(), m.Width()
	}
	if c, out := m.Channels(), m.OutChannels(); out != c && out != 2*c {
		return nil, shapeErrorf("output", "%d channels for %d of input, wanted as many, or twice as "+
			"many with a variance", out, c)
	}
	if _, err := m.graph.ShapesAt(Size{height, width, 1}); err != nil {
		return nil, err
	}
	return &PixArtDenoiser{net: m, pool: pool, shape: []int{m.Channels(), height, width}}, nil
}

// Shape implements [sampler.Model].
func (d *PixArtDenoiser) Shape() []int { return d.shape }

// Forward implements [sampler.Model].
func (d *PixArtDenoiser) Forward(ctx context.Context, e *sampler.Eval) error {
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
func (d *PixArtDenoiser) check(cond sampler.Cond) error {
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
	if len(c.TimeIDs) != d.net.TimeIDs() {
		return inputErrorf("condition", "TimeIDs has %d elements, wanted %d", len(c.TimeIDs), d.net.TimeIDs())
	}
	if c.Class != 0 || c.TimeCond != nil || c.Pooled != nil || c.Control != nil || c.ControlScale != nil ||
		c.Beside != nil || c.Perturbed {
		return inputErrorf("condition", "has more than Data, Tokens and TimeIDs, which is all the network takes")
	}
	return nil
}

// forward evaluates all, whose texts have the same length.
func (d *PixArtDenoiser) forward(ctx context.Context, e *sampler.Eval, r *textRunner, all []int) error {
	err := r.grow(len(e.Conds), e.Elems, func(rows int) (*Executor, error) {
		return d.net.CompileSize(rows, Size{d.shape[1], d.shape[2], r.tokens}, d.pool)
	})
	if err != nil {
		return err
	}
	run := r.run
	if d.net.OutChannels() != d.net.Channels() {
		run = r.runFirstHalf
	}
	for rows := range slices.Chunk(all, r.cap) {
		d.context, d.sizes = d.context[:0], d.sizes[:0]
		for _, row := range rows {
			c := e.Conds[row].(*TextEmbedding)
			d.context, d.sizes = append(d.context, c.Data...), append(d.sizes, c.TimeIDs...)
		}
		if err := run(ctx, e, rows, Inputs{Context: d.context, TimeIDs: d.sizes}); err != nil {
			return err
		}
	}
	return nil
}
