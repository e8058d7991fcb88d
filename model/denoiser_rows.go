package model

import (
	"context"
	"fmt"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// maxRows and maxActivations bound the rows of one network run and the memory of its
// activations, in bytes; a row's result does not depend on how rows are grouped.
const (
	maxRows        = 64
	maxActivations = 1 << 30
)

// checkEval refuses an evaluation that the CPU network cannot do.
func checkEval(e *sampler.Eval, shape []int) error {
	if e.In.Host() == nil || e.T.Host() == nil || e.Out.Host() == nil {
		return &InputError{"sample", "is not in host memory; the CPU network needs the CPU device"}
	}
	if e.Variance != nil && e.Variance.Host() == nil {
		return &InputError{"variance", "is not in host memory; the CPU network needs the CPU device"}
	}
	if want := sampler.Elems(shape); e.Elems != want {
		return &ShapeError{"sample", fmt.Sprintf("has %d elements, the network takes %d", e.Elems, want)}
	}
	return nil
}

// rowRunner runs a network on any rows of a batch.
type rowRunner struct {
	exec  *Executor // for cap rows
	cap   int
	asked int // rows that cap was chosen for
	// For rows that do not stand next to each other.
	in, t, out []float32
	wide       []float32 // results with a variance, for the rows of a run; nil if there is none
}

// grow compiles an executor for rows rows, or as many as the bounds allow.
func (r *rowRunner) grow(rows, elems int, compile func(rows int) (*Executor, error)) error {
	rows = min(rows, maxRows)
	if rows <= r.asked {
		return nil
	}
	asked := rows
	one, err := compile(1)
	if err != nil {
		return err
	}
	rows = max(1, min(rows, int(maxActivations/max(one.MemoryPlan().Peak, 1))))
	exec, err := compile(rows)
	if err != nil {
		return err
	}
	r.exec, r.cap, r.asked = exec, rows, asked
	r.in, r.out, r.t = make([]float32, rows*elems), make([]float32, rows*elems), make([]float32, rows)
	return nil
}

// run evaluates at most cap rows. inputs holds what the network takes beside sample and
// time, in the order of rows.
func (r *rowRunner) run(ctx context.Context, e *sampler.Eval, rows []int, inputs Inputs) error {
	in, t, out, elems := e.In.Host(), e.T.Host(), e.Out.Host(), e.Elems
	n, first := len(rows), rows[0]
	if rows[n-1]-first == n-1 { // next to each other: in place
		inputs.Sample, inputs.Timestep = in[first*elems:(first+n)*elems], t[first:first+n]
		return r.exec.Run(ctx, n, inputs, out[first*elems:(first+n)*elems])
	}
	return r.apart(ctx, e, rows, inputs, false, r.out[:n*elems])
}

// runBeside is run for a network whose input is wider than its output: each row's sample with
// TextEmbedding.Beside after it.
func (r *rowRunner) runBeside(ctx context.Context, e *sampler.Eval, rows []int, inputs Inputs) error {
	return r.apart(ctx, e, rows, inputs, true, r.out[:len(rows)*e.Elems])
}

// runWide is run for a network of twice as many channels of output as of input: the first half is the
// prediction, and the second, the variance, is kept where the evaluation asks for it.
func (r *rowRunner) runWide(ctx context.Context, e *sampler.Eval, rows []int, inputs Inputs) error {
	if len(r.wide) < 2*r.cap*e.Elems {
		r.wide = make([]float32, 2*r.cap*e.Elems)
	}
	return r.apart(ctx, e, rows, inputs, false, r.wide[:2*len(rows)*e.Elems])
}

// apart evaluates rows in memory of their own; results has room for theirs. What a result has
// beyond the elements of a sample is a variance.
func (r *rowRunner) apart(ctx context.Context, e *sampler.Eval, rows []int, inputs Inputs, beside bool,
	results []float32) error {
	in, t, out, elems, n := e.In.Host(), e.T.Host(), e.Out.Host(), e.Elems, len(rows)
	samples := r.in[:0] // has room for all rows
	for i, row := range rows {
		samples = append(samples, in[row*elems:(row+1)*elems]...)
		if beside {
			samples = append(samples, e.Conds[row].(*TextEmbedding).Beside...)
		}
		r.t[i] = t[row]
	}
	inputs.Sample, inputs.Timestep = samples, r.t[:n]
	if err := r.exec.Run(ctx, n, inputs, results); err != nil {
		return err
	}
	for i, row := range rows {
		result := results[i*len(results)/n : (i+1)*len(results)/n]
		copy(out[row*elems:(row+1)*elems], result)
		if e.Variance != nil && len(result) == 2*elems {
			copy(e.Variance.Host()[row*elems:(row+1)*elems], result[elems:])
		}
	}
	return nil
}
