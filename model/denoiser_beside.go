package model

import (
	"context"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// beside is how many elements a row of the network's input has after those of the sample.
func (d *ConditionDenoiser) beside() int {
	return (d.unet.Channels() - d.unet.OutChannels()) * d.shape[1] * d.shape[2]
}

// runBeside is run for a network whose input is wider than its output: each row's sample with
// TextEmbedding.Beside after it.
func (r *textRunner) runBeside(ctx context.Context, e *sampler.Eval, rows []int, inputs Inputs) error {
	in, t, out, elems := e.In.Host(), e.T.Host(), e.Out.Host(), e.Elems
	r.in = r.in[:0] // has room for all rows
	for i, row := range rows {
		r.in = append(r.in, in[row*elems:(row+1)*elems]...)
		r.in = append(r.in, e.Conds[row].(*TextEmbedding).Beside...)
		r.t[i] = t[row]
	}
	n := len(rows)
	inputs.Sample, inputs.Timestep = r.in, r.t[:n]
	if err := r.exec.Run(ctx, n, inputs, r.out[:n*elems]); err != nil {
		return err
	}
	for i, row := range rows {
		copy(out[row*elems:(row+1)*elems], r.out[i*elems:])
	}
	return nil
}
