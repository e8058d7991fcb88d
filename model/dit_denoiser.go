package model

import (
	"context"
	"fmt"
	"slices"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// DiTDenoiser is a DiT as a [sampler.Model] on the CPU. Where the network predicts a variance
// too, samplers get the first half of its channels, which is the noise, as in diffusers'
// DiTPipeline, and the second where they learn the variance. It is used by one goroutine at a time.
type DiTDenoiser struct {
	net   *DiT
	pool  *workers.Pool
	shape []int
	rows  rowRunner
	class []int64
}

var _ sampler.VarianceModel = (*DiTDenoiser)(nil)

// Denoiser returns d as a model for latents of height x width; 0, 0 is the size it was made for.
func (d *DiT) Denoiser(height, width int, pool *workers.Pool) (*DiTDenoiser, error) {
	if height == 0 && width == 0 {
		height, width = d.Height(), d.Width()
	}
	if err := checkOutChannels(d.Channels(), d.OutChannels()); err != nil {
		return nil, err
	}
	if _, err := d.graph.Shapes(height, width); err != nil {
		return nil, err
	}
	return &DiTDenoiser{net: d, pool: pool, shape: []int{d.Channels(), height, width}}, nil
}

// Shape implements [sampler.Model].
func (d *DiTDenoiser) Shape() []int { return d.shape }

// PredictsVariance implements [sampler.VarianceModel].
func (d *DiTDenoiser) PredictsVariance() bool { return d.net.OutChannels() != d.net.Channels() }

// Forward implements [sampler.Model]. Conditions are [Class].
func (d *DiTDenoiser) Forward(ctx context.Context, e *sampler.Eval) error {
	if err := checkEval(e, d.shape); err != nil {
		return err
	}
	err := d.rows.grow(len(e.Conds), e.Elems, func(rows int) (*Executor, error) {
		return d.net.CompileSize(rows, d.shape[1], d.shape[2], d.pool)
	})
	if err != nil {
		return err
	}
	for rows := range slices.Chunk(e.Active, d.rows.cap) {
		if err := d.labels(e.Conds, rows); err != nil {
			return err
		}
		inputs := Inputs{Class: d.class}
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

// labels takes the classes of rows.
func (d *DiTDenoiser) labels(conds []sampler.Cond, rows []int) error {
	d.class = d.class[:0]
	for _, r := range rows {
		c, ok := conds[r].(Class)
		if !ok {
			return &InputError{"condition", fmt.Sprintf("%v (%[1]T): want a model.Class", conds[r])}
		}
		if c < 0 || int(c) >= d.net.Classes() {
			return &InputError{"class", fmt.Sprintf("%d is not within 0..%d", c, d.net.Classes()-1)}
		}
		d.class = append(d.class, int64(c))
	}
	return nil
}
