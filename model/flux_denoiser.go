package model

import (
	"context"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// FluxDenoiser is a Flux as a [sampler.Model] on the CPU, for plans of flow predictions on a
// grid whose times are 1000 times the noise level, as those of diffusers'
// FlowMatchEulerDiscreteScheduler. Texts of different lengths may be mixed in a batch. It is
// used by one goroutine at a time.
//
// Its conditions are [*TextEmbedding] with Data and Tokens of the T5 encoder, Pooled of CLIP,
// and, for a network with guidance, TimeCond of one number, the scale: the guidance is an
// input, and no second evaluation is needed. Channels of the input beyond those of the output
// (FLUX.1 Fill, Depth, Canny) are Beside.
type FluxDenoiser struct {
	textRows
	net *Flux
	// For the rows of one run.
	context, pooled, guidance []float32
}

var _ sampler.Model = (*FluxDenoiser)(nil)

// Denoiser returns m as a model for latents of height x width, both even. Other sizes, and a
// network with fewer channels of input than of output, are refused with a [*ShapeError].
func (m *Flux) Denoiser(height, width int, pool *workers.Pool) (*FluxDenoiser, error) {
	if m.OutChannels() > m.Channels() {
		return nil, shapeErrorf("output", "%d channels for %d of input, wanted at most as many",
			m.OutChannels(), m.Channels())
	}
	rows, err := newTextRows(m.graph, m.OutChannels(), height, width, pool)
	if err != nil {
		return nil, err
	}
	rows.beside = (m.Channels() - m.OutChannels()) * height * width
	return &FluxDenoiser{textRows: rows, net: m}, nil
}

// Forward implements [sampler.Model].
func (d *FluxDenoiser) Forward(ctx context.Context, e *sampler.Eval) error {
	return d.forward(ctx, e, d.net, d.check, d.inputs)
}

// guided is how many numbers TimeCond has.
func (d *FluxDenoiser) guided() int {
	if d.net.config.Guidance {
		return 1
	}
	return 0
}

// check refuses what is not a condition of this network.
func (d *FluxDenoiser) check(cond sampler.Cond) error {
	c, err := textOf(cond, d.net.ContextDim())
	if err != nil {
		return err
	}
	for _, part := range []struct {
		name      string
		got, want int
	}{
		{"Pooled", len(c.Pooled), d.net.config.PooledDim},
		{"TimeCond, the guidance scale,", len(c.TimeCond), d.guided()},
		{"TimeIDs", len(c.TimeIDs), 0},
		{"Control", len(c.Control), 0},
		{"ControlScale", len(c.ControlScale), 0},
		{"Beside", len(c.Beside), d.beside},
	} {
		if part.got != part.want {
			return inputErrorf("condition", "%s has %d elements, wanted %d", part.name, part.got, part.want)
		}
	}
	if c.Perturbed {
		return &InputError{"condition", "is perturbed, which only a UNetCondition can be"}
	}
	if c.Class != 0 {
		return inputErrorf("class", "is %d, but the network takes none", c.Class)
	}
	return nil
}

// inputs gathers the conditions of rows.
func (d *FluxDenoiser) inputs(e *sampler.Eval, rows []int) Inputs {
	d.context, d.pooled, d.guidance = d.context[:0], d.pooled[:0], d.guidance[:0]
	for _, row := range rows {
		c := e.Conds[row].(*TextEmbedding)
		d.context = append(d.context, c.Data...)
		d.pooled = append(d.pooled, c.Pooled...)
		for _, scale := range c.TimeCond {
			d.guidance = append(d.guidance, fluxTime*scale)
		}
	}
	return Inputs{Context: d.context, Pooled: d.pooled, TimestepCond: d.guidance}
}
