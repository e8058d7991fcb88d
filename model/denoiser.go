package model

import (
	"context"
	"fmt"
	"slices"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// Class is the condition of a class-conditional network: a label in 0..Classes()-1.
type Class int

// Denoiser is a UNet2D as a [sampler.Model] on the CPU, and where it predicts a variance too a
// [sampler.VarianceModel]. It is used by one goroutine at a time.
type Denoiser struct {
	unet  *UNet2D
	pool  *workers.Pool
	shape []int
	rows  rowRunner
	class []int64
}

var _ sampler.VarianceModel = (*Denoiser)(nil)

// Denoiser returns u as a model for images of height x width pixels; 0, 0 is the size it was made for.
func (u *UNet2D) Denoiser(height, width int, pool *workers.Pool) (*Denoiser, error) {
	if height == 0 && width == 0 {
		height, width = u.Height(), u.Width()
	}
	if err := checkOutChannels(u.Channels(), u.OutChannels()); err != nil {
		return nil, err
	}
	if _, err := u.graph.Shapes(height, width); err != nil {
		return nil, err
	}
	return &Denoiser{unet: u, pool: pool, shape: []int{u.Channels(), height, width}}, nil
}

// Shape implements [sampler.Model].
func (d *Denoiser) Shape() []int { return d.shape }

// PredictsVariance implements [sampler.VarianceModel].
func (d *Denoiser) PredictsVariance() bool { return d.unet.OutChannels() != d.unet.Channels() }

// checkOutChannels refuses a network whose output is neither a prediction nor that and a variance.
func checkOutChannels(in, out int) error {
	if out != in && out != 2*in {
		return &ShapeError{"output", fmt.Sprintf("%d channels for %d of input, wanted as many, "+
			"or twice as many with a variance", out, in)}
	}
	return nil
}

// Forward implements [sampler.Model]. Conditions are [Class], or nil for a network without classes.
func (d *Denoiser) Forward(ctx context.Context, e *sampler.Eval) error {
	if err := checkEval(e, d.shape); err != nil {
		return err
	}
	err := d.rows.grow(len(e.Conds), e.Elems, func(rows int) (*Executor, error) {
		return d.unet.CompileSize(rows, d.shape[1], d.shape[2], d.pool)
	})
	if err != nil {
		return err
	}
	d.class = slices.Grow(d.class[:0], d.rows.cap)[:d.rows.cap]
	for rows := range slices.Chunk(e.Active, d.rows.cap) {
		if err := d.labels(e.Conds, rows); err != nil {
			return err
		}
		var inputs Inputs
		if d.unet.Classes() > 0 {
			inputs.Class = d.class[:len(rows)]
		}
		run := d.rows.run
		if d.PredictsVariance() {
			run = d.rows.runWide
		}
		if err := run(ctx, e, rows, inputs); err != nil {
			return err
		}
	}
	return nil
}

func (d *Denoiser) labels(conds []sampler.Cond, rows []int) error {
	n := d.unet.Classes()
	for i, r := range rows {
		c, ok := conds[r].(Class)
		switch {
		case n == 0 && conds[r] != nil:
			return &InputError{"condition", fmt.Sprintf("%v, but the network takes none", conds[r])}
		case n > 0 && !ok:
			return &InputError{"condition", fmt.Sprintf("%v (%[1]T): want a model.Class", conds[r])}
		case n > 0 && (c < 0 || int(c) >= n):
			return &InputError{"class", fmt.Sprintf("%d is not within 0..%d", c, n-1)}
		}
		d.class[i] = int64(c)
	}
	return nil
}
