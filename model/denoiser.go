package model

import (
	"context"
	"fmt"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// Class is the condition of a class-conditional network: a label in 0..Classes()-1.
type Class int

// maxRows and maxActivations bound the rows of one network run and the memory of its activations, in bytes;
// a row's result does not depend on how rows are grouped.
const (
	maxRows        = 64
	maxActivations = 1 << 30
)

// Denoiser is a UNet2D as a [sampler.Model] on the CPU. It is used by one goroutine at a time.
type Denoiser struct {
	unet  *UNet2D
	pool  *workers.Pool
	shape []int
	exec  *Executor // for cap rows
	cap   int
	asked int // rows that cap was chosen for
	class []int64
	// For rows that do not stand next to each other.
	in, t, out []float32
}

var _ sampler.Model = (*Denoiser)(nil)

// Denoiser returns u as a model for images of height x width pixels; 0, 0 is the size it was made for.
func (u *UNet2D) Denoiser(height, width int, pool *workers.Pool) (*Denoiser, error) {
	if height == 0 && width == 0 {
		height, width = u.Height(), u.Width()
	}
	if u.OutChannels() != u.Channels() {
		return nil, &ShapeError{"output", fmt.Sprintf("%d channels for %d of input: learned variance is not "+
			"supported yet", u.OutChannels(), u.Channels())}
	}
	if _, err := u.graph.Shapes(height, width); err != nil {
		return nil, err
	}
	return &Denoiser{unet: u, pool: pool, shape: []int{u.Channels(), height, width}}, nil
}

// Shape implements [sampler.Model].
func (d *Denoiser) Shape() []int { return d.shape }

// Forward implements [sampler.Model]. Conditions are [Class], or nil for a network without classes.
func (d *Denoiser) Forward(ctx context.Context, e *sampler.Eval) error {
	in, t, out := e.In.Host(), e.T.Host(), e.Out.Host()
	if in == nil || t == nil || out == nil {
		return &InputError{"sample", "is not in host memory; the CPU network needs the CPU device"}
	}
	if err := d.grow(min(len(e.Conds), maxRows), e.Elems); err != nil {
		return err
	}
	for first := 0; first < len(e.Active); first += d.cap {
		rows := e.Active[first:min(first+d.cap, len(e.Active))]
		if err := d.labels(e.Conds, rows); err != nil {
			return err
		}
		if err := d.run(ctx, rows, e.Elems, in, t, out); err != nil {
			return err
		}
	}
	return nil
}

// grow compiles an executor for rows rows, or as many as the memory bound allows.
func (d *Denoiser) grow(rows, elems int) error {
	if want := sampler.Elems(d.shape); elems != want {
		return &ShapeError{"sample", fmt.Sprintf("has %d elements, the network takes %d", elems, want)}
	}
	if rows <= d.asked {
		return nil
	}
	asked := rows
	one, err := d.unet.CompileSize(1, d.shape[1], d.shape[2], d.pool)
	if err != nil {
		return err
	}
	rows = max(1, min(rows, int(maxActivations/max(one.MemoryPlan().Peak, 1))))
	exec, err := d.unet.CompileSize(rows, d.shape[1], d.shape[2], d.pool)
	if err != nil {
		return err
	}
	d.exec, d.cap, d.asked = exec, rows, asked
	d.class = make([]int64, rows)
	d.in, d.out, d.t = make([]float32, rows*elems), make([]float32, rows*elems), make([]float32, rows)
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

func (d *Denoiser) run(ctx context.Context, rows []int, elems int, in, t, out []float32) error {
	n, first := len(rows), rows[0]
	inputs := Inputs{}
	if d.unet.Classes() > 0 {
		inputs.Class = d.class[:n]
	}
	if rows[n-1]-first == n-1 { // next to each other: in place
		inputs.Sample, inputs.Timestep = in[first*elems:(first+n)*elems], t[first:first+n]
		return d.exec.Run(ctx, n, inputs, out[first*elems:(first+n)*elems])
	}
	for i, r := range rows {
		copy(d.in[i*elems:(i+1)*elems], in[r*elems:])
		d.t[i] = t[r]
	}
	inputs.Sample, inputs.Timestep = d.in[:n*elems], d.t[:n]
	if err := d.exec.Run(ctx, n, inputs, d.out[:n*elems]); err != nil {
		return err
	}
	for i, r := range rows {
		copy(out[r*elems:(r+1)*elems], d.out[i*elems:])
	}
	return nil
}
