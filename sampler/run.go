package sampler

import (
	"context"
	"fmt"
	"iter"
	"math"
)

// Step is one update of a whole batch, as the iterator of [Steps] yields it. It is valid until the next.
type Step struct {
	Stage  int // stages done by this call, from 1
	Stages int // that it does in all: those of the longest plan in the batch, less what was resumed
	prog   Program
	reqs   []Request
}

// Done returns the number of the request's own steps that are done, and of all its steps; 0, 0 when there
// is no such row.
func (s Step) Done(row int) (done, total int) {
	if row < 0 || row >= len(s.reqs) {
		return 0, 0
	}
	p := s.reqs[row].Plan
	for i := range p.Stages {
		if p.Stages[i].Final {
			total++
			if i < s.prog.Stage(row) {
				done++
			}
		}
	}
	return done, total
}

// Latent copies the sample of request row to dst: one read-back, so only when it is wanted.
func (s Step) Latent(row int, dst []float32) error {
	if s.prog == nil {
		return ErrClosed
	}
	return s.prog.Read(row, dst)
}

// Denoised copies the clean sample predicted in this step, the usual preview.
func (s Step) Denoised(row int, dst []float32) error {
	if s.prog == nil {
		return ErrClosed
	}
	return s.prog.Denoised(row, dst)
}

// Check tells whether requests can be run by a model of the given sample shape.
func Check(shape []int, reqs []Request) error {
	n := Elems(shape)
	if n < 1 {
		return &RequestError{Row: -1, Field: "shape", Detail: fmt.Sprintf("%v: want positive sizes", shape)}
	}
	if len(reqs) == 0 {
		return &RequestError{Row: -1, Field: "requests", Detail: "none: want at least one"}
	}
	for i := range reqs {
		if err := reqs[i].check(i, n); err != nil {
			return err
		}
	}
	return nil
}

func (r *Request) check(row, n int) error {
	if r.Plan == nil {
		return &RequestError{Row: row, Field: "plan", Detail: "nil: want one made by New"}
	}
	if err := r.Plan.Validate(); err != nil {
		return err
	}
	if len(r.Conds) == 0 {
		return &RequestError{Row: row, Field: "conditions", Detail: "none: want at least one, see Guide"}
	}
	if r.Plan.Projection != nil && len(r.Conds) != 2 {
		return &RequestError{Row: row, Field: "conditions",
			Detail: fmt.Sprintf("%d with a projection of guidance: want two, see Guide", len(r.Conds))}
	}
	for _, c := range r.Conds {
		if math.IsNaN(c.Weight) || math.IsInf(float64(float32(c.Weight)), 0) {
			return &RequestError{Row: row, Field: "condition weight",
				Detail: fmt.Sprintf("%v: want a finite number", c.Weight)}
		}
	}
	if r.Init != nil && len(r.Init) != n {
		return &RequestError{Row: row, Field: "initial noise",
			Detail: fmt.Sprintf("%d values: want %d", len(r.Init), n)}
	}
	if r.Noise != nil && len(r.Plan.Increments) > 0 {
		return &RequestError{Row: row, Field: "noise", Detail: "given beside Brownian increments: want one of them"}
	}
	if err := r.Inpaint.check(row, n); err != nil {
		return err
	}
	return r.checkResume(row, n)
}

// Elems returns the product of a shape, 0 if a size is not positive or the product does not fit an int32.
func Elems(shape []int) int {
	n := 1
	for _, d := range shape {
		if d < 1 || n > math.MaxInt32/d {
			return 0
		}
		n *= d
	}
	return n
}

// Steps runs requests together and yields after each stage; once, at stage 0, when all of them are resumed
// and nothing is left to do. Breaking out of the loop frees everything; a
// canceled ctx ends it between two stages, with ctx's error.
func Steps(ctx context.Context, dev Device, m Model, reqs []Request) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		if err := Check(m.Shape(), reqs); err != nil {
			yield(Step{}, err)
			return
		}
		if err := checkVariance(m, reqs); err != nil {
			yield(Step{}, err)
			return
		}
		prog, err := dev.Program(Elems(m.Shape()), reqs)
		if err != nil {
			yield(Step{}, err)
			return
		}
		defer prog.Close()
		if b, ok := m.(Binder); ok {
			if err := b.Bind(ctx, prog); err != nil {
				yield(Step{}, err)
				return
			}
		}
		s := Step{prog: prog, reqs: reqs}
		for i := range reqs {
			s.Stages = max(s.Stages, len(reqs[i].Plan.Stages)-reqs[i].done())
		}
		if s.Stages == 0 {
			yield(s, nil)
			return
		}
		for e := prog.Next(); e != nil; e = prog.Next() {
			if err := stage(ctx, prog, m, e); err != nil {
				yield(Step{}, err)
				return
			}
			s.Stage++
			if !yield(s, nil) {
				return
			}
		}
	}
}

func stage(ctx context.Context, prog Program, m Model, e *Eval) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(e.Active) > 0 {
		if err := m.Forward(ctx, e); err != nil {
			return err
		}
	}
	return prog.Step()
}

// Run runs requests together and returns the sample of each.
func Run(ctx context.Context, dev Device, m Model, reqs []Request) ([][]float32, error) {
	var out [][]float32
	for s, err := range Steps(ctx, dev, m, reqs) {
		if err != nil {
			return nil, err
		}
		if s.Stage < s.Stages {
			continue
		}
		for i := range reqs {
			x := make([]float32, Elems(m.Shape()))
			if err := s.Latent(i, x); err != nil {
				return nil, err
			}
			out = append(out, x)
		}
	}
	return out, nil
}
