package model

import (
	"context"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// SD3Denoiser is an SD3 as a [sampler.Model] on the CPU: its results are velocities of a
// rectified flow ([SD3]). Conditions are [*TextEmbedding] with Data, Tokens and Pooled; texts
// of different lengths may be mixed in a batch. It is used by one goroutine at a time.
type SD3Denoiser struct {
	textRows
	net *SD3
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
	rows, err := newTextRows(m.graph, m.Channels(), height, width, pool)
	if err != nil {
		return nil, err
	}
	return &SD3Denoiser{textRows: rows, net: m}, nil
}

// Forward implements [sampler.Model].
func (d *SD3Denoiser) Forward(ctx context.Context, e *sampler.Eval) error {
	return d.forward(ctx, e, d.net, d.check, d.inputs)
}

// check refuses what is not a condition of this network.
func (d *SD3Denoiser) check(cond sampler.Cond) error {
	c, err := textOf(cond, d.net.ContextDim())
	if err != nil {
		return err
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

// inputs gathers the conditions of rows.
func (d *SD3Denoiser) inputs(e *sampler.Eval, rows []int) Inputs {
	d.context, d.pooled = d.context[:0], d.pooled[:0]
	for _, row := range rows {
		c := e.Conds[row].(*TextEmbedding)
		d.context, d.pooled = append(d.context, c.Data...), append(d.pooled, c.Pooled...)
	}
	return Inputs{Context: d.context, Pooled: d.pooled}
}
