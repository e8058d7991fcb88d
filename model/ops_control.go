package model

// MulRow multiplies a row by a number of the row: y[n] = x[n] * t[n, Index].
type MulRow struct {
	Base
	X, T  TensorID // T is [N, K, 1, 1]
	Index int      // 0..K-1
}

// Kind implements [Op].
func (MulRow) Kind() string { return "MulRow" }

// Reads implements [Op].
func (o MulRow) Reads() []TensorID { return []TensorID{o.X, o.T} }

func (o MulRow) inPlace() TensorID { return o.X }

func (o MulRow) infer(in func(TensorID) Shape) (Shape, error) {
	if t := in(o.T); t.H != 1 || t.W != 1 || o.Index < 0 || o.Index >= t.C {
		return Shape{}, opShapeError(o, "factors are %v, wanted a vector with an element %d", t, o.Index)
	}
	return in(o.X), nil
}

// mulRowStep runs [MulRow]: one task a row.
type mulRowStep struct {
	noScratch
	op            MulRow
	x, t, y       []float32
	size, factors int
}

func (s *mulRowStep) run(e *Executor, n int) {
	s.x, s.t, s.y = e.rows(s.op.X, n), e.rows(s.op.T, n), e.rows(s.op.Y, n)
	s.size, s.factors = e.shapes[s.op.X].Len(), e.shapes[s.op.T].C
	e.pool.Run(n, s)
}

// Do implements workers.Task.
func (s *mulRowStep) Do(i int) {
	x, y, t := s.x[i*s.size:(i+1)*s.size], s.y[i*s.size:(i+1)*s.size], s.t[i*s.factors+s.op.Index]
	for j := range x {
		y[j] = x[j] * t
	}
}
