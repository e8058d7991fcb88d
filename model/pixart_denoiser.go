package model

import (
	"context"

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
	textRows
	net *PixArt
	// For the rows of one run.
	context, sizes []float32
}

var _ sampler.VarianceModel = (*PixArtDenoiser)(nil)

// Denoiser returns m as a model for latents of height x width; 0, 0 is the size it was made
// for. A network of other channels of output than those of input or twice as many is refused
// with a [*ShapeError].
func (m *PixArt) Denoiser(height, width int, pool *workers.Pool) (*PixArtDenoiser, error) {
	if height == 0 && width == 0 {
		height, width = m.Height(), m.Width()
	}
	if err := checkOutChannels(m.Channels(), m.OutChannels()); err != nil {
		return nil, err
	}
	rows, err := newTextRows(m.graph, m.Channels(), height, width, pool)
	if err != nil {
		return nil, err
	}
	rows.variance = m.OutChannels() != m.Channels()
	return &PixArtDenoiser{textRows: rows, net: m}, nil
}

// PredictsVariance implements [sampler.VarianceModel].
func (d *PixArtDenoiser) PredictsVariance() bool { return d.variance }

// Forward implements [sampler.Model].
func (d *PixArtDenoiser) Forward(ctx context.Context, e *sampler.Eval) error {
	return d.forward(ctx, e, d.net, d.check, d.inputs)
}

// check refuses what is not a condition of this network.
func (d *PixArtDenoiser) check(cond sampler.Cond) error {
	c, err := textOf(cond, d.net.ContextDim())
	if err != nil {
		return err
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

// inputs gathers the conditions of rows.
func (d *PixArtDenoiser) inputs(e *sampler.Eval, rows []int) Inputs {
	d.context, d.sizes = d.context[:0], d.sizes[:0]
	for _, row := range rows {
		c := e.Conds[row].(*TextEmbedding)
		d.context, d.sizes = append(d.context, c.Data...), append(d.sizes, c.TimeIDs...)
	}
	return Inputs{Context: d.context, TimeIDs: d.sizes}
}
