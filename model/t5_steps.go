package model

import "math"

// bindT5 binds the operations of T5.
func (e *Executor) bindT5(w *Weights, op Op) (boundStep, int, error) {
	switch o := op.(type) {
	case T5Embedding:
		return &t5EmbeddingStep{op: o, table: w.Param(o.Table)}, 0, nil
	case T5Norm:
		return &t5NormStep{op: o, gamma: w.Param(o.Gamma)}, 0, nil
	case T5Gate:
		return &t5GateStep{op: o}, 0, nil
	case T5Attention:
		return newT5Attention(o, e.shapes[o.Q], w.Param(o.Bias), e.pool.Threads())
	}
	return nil, 0, graphErrorf(op.Kind()+" "+op.Label(), "%T has no CPU implementation", op)
}

// t5EmbeddingStep runs [T5Embedding]: one task a row. The tokens were checked when the run
// began.
type t5EmbeddingStep struct {
	noScratch
	op    T5Embedding
	table []float32

	ids    []int64
	y      []float32
	tokens int
}

func (s *t5EmbeddingStep) run(e *Executor, n int) {
	s.ids, s.y = e.ints[s.op.IDs], e.rows(s.op.Y, n)
	s.tokens = e.shapes[s.op.Y].H
	e.pool.Run(n, s)
}

// Do implements workers.Task.
func (s *t5EmbeddingStep) Do(row int) {
	dim := s.op.Dim
	y := s.y[row*dim*s.tokens : (row+1)*dim*s.tokens]
	for t, id := range s.ids[row*s.tokens : (row+1)*s.tokens] {
		for d, v := range s.table[int(id)*dim:][:dim] {
			y[d*s.tokens+t] = v
		}
	}
}

// t5NormStep runs [T5Norm] as layerNormStep does: one task a block of pixels of a row,
// whose sums in float64 run over the channels in order.
type t5NormStep struct {
	noScratch
	op    T5Norm
	gamma []float32

	x, y   []float32
	pixels int
	blocks int // of pixels
}

func (s *t5NormStep) run(e *Executor, n int) {
	shape := e.shapes[s.op.X]
	s.x, s.y = e.rows(s.op.X, n), e.rows(s.op.Y, n)
	s.pixels = shape.H * shape.W
	s.blocks = (s.pixels + normBlock - 1) / normBlock
	e.pool.Run(n*s.blocks, s)
}

// Do implements workers.Task.
func (s *t5NormStep) Do(i int) {
	row, first := i/s.blocks, i%s.blocks*normBlock
	count := min(normBlock, s.pixels-first)
	lo := row*s.op.Channels*s.pixels + first
	var sum, sq [normBlock]float64
	for c := range s.op.Channels {
		addMoments(sum[:], sq[:], s.x[lo+c*s.pixels:][:count])
	}
	clear(sum[:]) // the mean that is taken off
	for j, v := range sq[:count] {
		sq[j] = 1 / math.Sqrt(v/float64(s.op.Channels)+float64(s.op.Eps))
	}
	for c := range s.op.Channels {
		x, y := s.x[lo+c*s.pixels:][:count], s.y[lo+c*s.pixels:][:count]
		normalise(y, x, sum[:], sq[:], float64(s.gamma[c]), 0)
	}
}

// t5GateStep runs [T5Gate]: one task a piece of all rows.
type t5GateStep struct {
	noScratch
	op      T5Gate
	a, b, y []float32
}

func (s *t5GateStep) run(e *Executor, n int) {
	s.a, s.b, s.y = e.rows(s.op.A, n), e.rows(s.op.B, n), e.rows(s.op.Y, n)
	e.pool.Run((len(s.y)+gegluLen-1)/gegluLen, s)
}

// Do implements workers.Task.
func (s *t5GateStep) Do(i int) {
	lo, hi := i*gegluLen, min((i+1)*gegluLen, len(s.y))
	y, b := s.y[lo:hi], s.b[lo:hi]
	geluTanhMap(y, s.a[lo:hi], 1, 0)
	for j, v := range b {
		y[j] *= v
	}
}
