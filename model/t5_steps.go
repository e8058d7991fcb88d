package model

// bindT5 binds the operations of T5.
func (e *Executor) bindT5(w *Weights, op Op) (boundStep, int, error) {
	switch o := op.(type) {
	case T5Embedding:
		ids := TokenEmbedding{Base: o.Base, IDs: o.IDs, Dim: o.Dim}
		return &tokenEmbeddingStep{op: ids, table: w.Param(o.Table)}, 0, nil
	case T5Norm:
		norm := HeadRMSNorm{Base: o.Base, X: o.X, Channels: o.Channels, Heads: 1, Eps: o.Eps}
		return &headRMSNormStep{op: norm, gamma: w.Param(o.Gamma)}, 0, nil
	case T5Gate:
		return &t5GateStep{op: o}, 0, nil
	case T5Attention:
		return newT5Attention(o, e.shapes[o.Q], w.Param(o.Bias), e.pool.Threads())
	}
	return nil, 0, graphErrorf(op.Kind()+" "+op.Label(), "%T has no CPU implementation", op)
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
