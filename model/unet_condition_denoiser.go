package model

import (
	"context"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// TextEmbedding is the condition of a text-conditional network: what its text encoder
// made of a prompt. A *TextEmbedding is given as the condition of a row; it is only
// read, and may be shared by rows.
type TextEmbedding struct {
	Data   []float32 // [Tokens, ContextDim()]
	Tokens int
	// Class is the label, for a network with classes (an upscaler's noise level).
	Class Class
	// TimeCond is the vector of TimeCondDim numbers beside the time (LCM embeds its
	// guidance here). nil stands for zeros, which is what the network computes without.
	TimeCond []float32
	// Pooled and TimeIDs are for addition_embed_type "text_time" (Stable Diffusion XL): the
	// pooled vector of the text, [PooledDim], and sizes in pixels, [TimeIDs]: height and
	// width of the original, top and left of the crop, height and width of the target.
	Pooled, TimeIDs []float32
	// Control and ControlScale are for a network with a [ControlNet] within, see
	// [ControlNet.CompileSize]: the image [C, H, W], and a factor for each residual. nil
	// for both adds nothing.
	Control, ControlScale []float32
	// Beside are the channels that a network takes after those of the sample,
	// [Channels()-OutChannels(), H, W]: for in-painting (Rombach et al., 2022, arXiv:2112.10752)
	// the mask, 1 where to draw, and the latents of the image without what it covers.
	Beside []float32
	// Perturbed has the row evaluated by the network of [ConditionDenoiser.SetPerturbed], on a GPU as its Perturbed says.
	Perturbed bool
}

// ConditionDenoiser is a UNetCondition as a [sampler.Model] on the CPU. Texts of
// different lengths may be mixed in a batch. It is used by one goroutine at a time.
type ConditionDenoiser struct {
	textRows
	unet      *UNetCondition
	perturbed perturbedRows
	// For the rows of one run.
	class    []int64
	context  []float32
	timeCond []float32
	pooled   []float32
	timeIDs  []float32
	control  []float32
	scales   []float32
	conds    []*TextEmbedding
}

var _ sampler.Model = (*ConditionDenoiser)(nil)

// Denoiser returns u as a model for latents of height x width; 0, 0 is the size it was
// made for. Channels of its input beyond those of its output are TextEmbedding.Beside. A
// network with fewer channels of input than of output is refused with a [*ShapeError].
func (u *UNetCondition) Denoiser(height, width int,
	pool *workers.Pool) (*ConditionDenoiser, error) {
	if height == 0 && width == 0 {
		height, width = u.Height(), u.Width()
	}
	if u.OutChannels() > u.Channels() {
		return nil, shapeErrorf("output", "%d channels for %d of input: learned variance is "+
			"not supported yet", u.OutChannels(), u.Channels())
	}
	if u.config.ClassEmbedding == ClassIdentity {
		return nil, &ShapeError{"class", "the network takes embeddings in place of class labels"}
	}
	rows, err := newTextRows(u.graph, u.OutChannels(), height, width, pool)
	if err != nil {
		return nil, err
	}
	rows.beside = (u.Channels() - u.OutChannels()) * height * width
	return &ConditionDenoiser{textRows: rows, unet: u}, nil
}

// Forward implements [sampler.Model]. Conditions are [*TextEmbedding].
func (d *ConditionDenoiser) Forward(ctx context.Context, e *sampler.Eval) error {
	if err := checkTexts(e, d.shape, d.check); err != nil {
		return err
	}
	return d.forwardAll(ctx, e)
}

// check refuses what is not a condition of this network.
func (d *ConditionDenoiser) check(cond sampler.Cond) error {
	c, err := textOf(cond, d.unet.ContextDim())
	if err != nil {
		return err
	}
	if c.Perturbed && d.perturbed.unet == nil {
		return &InputError{"condition", "is perturbed, for which there is no network: see SetPerturbed"}
	}
	config := d.unet.config
	if len(c.TimeCond) != config.TimeCondDim && c.TimeCond != nil {
		return inputErrorf("condition", "TimeCond has %d elements, wanted %d", len(c.TimeCond),
			config.TimeCondDim)
	}
	if len(c.Pooled) != config.PooledDim {
		return inputErrorf("condition", "Pooled has %d elements, wanted %d", len(c.Pooled), config.PooledDim)
	}
	if len(c.TimeIDs) != config.TimeIDs {
		return inputErrorf("condition", "TimeIDs has %d elements, wanted %d", len(c.TimeIDs), config.TimeIDs)
	}
	if want := d.beside; len(c.Beside) != want {
		return inputErrorf("condition", "Beside has %d elements, wanted %d", len(c.Beside), want)
	}
	if err := d.checkControl(c); err != nil {
		return err
	}
	switch config.ClassEmbedding {
	case ClassNone:
		if c.Class != 0 {
			return inputErrorf("class", "is %d, but the network takes none", c.Class)
		}
	case ClassTable:
		if c.Class < 0 || int(c.Class) >= config.NumClasses {
			return inputErrorf("class", "%d is not within 0..%d", c.Class, config.NumClasses-1)
		}
	}
	return nil
}

// inputs gathers the conditions of rows.
func (d *ConditionDenoiser) inputs(e *sampler.Eval, rows []int) Inputs {
	d.context, d.class, d.timeCond = d.context[:0], d.class[:0], d.timeCond[:0]
	d.pooled, d.timeIDs, d.conds = d.pooled[:0], d.timeIDs[:0], d.conds[:0]
	dim := d.unet.config.TimeCondDim
	for _, row := range rows {
		c := e.Conds[row].(*TextEmbedding)
		d.conds = append(d.conds, c)
		d.context = append(d.context, c.Data...)
		d.class = append(d.class, int64(c.Class))
		d.pooled, d.timeIDs = append(d.pooled, c.Pooled...), append(d.timeIDs, c.TimeIDs...)
		at := len(d.timeCond)
		d.timeCond = append(d.timeCond, c.TimeCond...)
		for len(d.timeCond) < at+dim {
			d.timeCond = append(d.timeCond, 0)
		}
	}
	in := Inputs{Context: d.context, TimestepCond: d.timeCond, Pooled: d.pooled, TimeIDs: d.timeIDs}
	d.gatherControl(&in, d.conds)
	if d.unet.config.ClassEmbedding != ClassNone {
		in.Class = d.class
	}
	return in
}
