package model

// AddTable adds a table of the weights to a vector, whose first numbers serve for every row
// of the table where it is no longer than one:
//
//	y[n, p*C+c] = x[n, (p*C+c) mod D] + table[p, c],  p < Parts, c < C = Channels
//
// with D the length of x, C or Parts*C. It is the scale_shift_table of Chen et al., "PixArt-α",
// 2023, arXiv:2310.00426, section 2.3, by which the blocks share one modulation.
type AddTable struct {
	Base
	X               TensorID // [N, D]
	Table           ParamID  // [Parts, Channels]
	Parts, Channels int
}

// TakeChannel is one number of a vector, y[n, 0] = x[n, Index].
type TakeChannel struct {
	Base
	X     TensorID // [N, K]
	Index int      // 0..K-1
}

// Kind implements [Op].
func (AddTable) Kind() string { return "AddTable" }

// Kind implements [Op].
func (TakeChannel) Kind() string { return "TakeChannel" }

// Reads implements [Op].
func (o AddTable) Reads() []TensorID { return []TensorID{o.X} }

// Reads implements [Op].
func (o TakeChannel) Reads() []TensorID { return []TensorID{o.X} }

func (o AddTable) params() []paramUse {
	return []paramUse{{o.Table, []int{o.Parts, o.Channels}}}
}

func (o AddTable) infer(in func(TensorID) Shape) (Shape, error) {
	x := in(o.X)
	if o.Parts < 1 || o.Channels < 1 || o.Channels > maxChannels/o.Parts || x.H != 1 || x.W != 1 ||
		x.C != o.Channels && x.C != o.Parts*o.Channels {
		return Shape{}, opShapeError(o, "operand %v, wanted a vector of %d numbers or of %d times as many",
			x, o.Channels, o.Parts)
	}
	return Shape{o.Parts * o.Channels, 1, 1}, nil
}

func (o TakeChannel) infer(in func(TensorID) Shape) (Shape, error) {
	x := in(o.X)
	if x.H != 1 || x.W != 1 || o.Index < 0 || o.Index >= x.C {
		return Shape{}, opShapeError(o, "operand %v, wanted a vector with an element %d", x, o.Index)
	}
	return Shape{1, 1, 1}, nil
}

// addTableStep runs [AddTable]; vectors are small, so it runs in the caller's goroutine.
type addTableStep struct {
	noScratch
	op    AddTable
	table []float32
}

func (s *addTableStep) run(e *Executor, n int) {
	x, y, d := e.rows(s.op.X, n), e.rows(s.op.Y, n), e.shapes[s.op.X].C
	for row := range n {
		from, to := x[row*d:(row+1)*d], y[row*len(s.table):][:len(s.table)]
		for i, v := range s.table {
			to[i] = from[i%d] + v
		}
	}
}

// takeChannelStep runs [TakeChannel].
type takeChannelStep struct {
	noScratch
	op TakeChannel
}

func (s *takeChannelStep) run(e *Executor, n int) {
	x, y, k := e.rows(s.op.X, n), e.rows(s.op.Y, n), e.shapes[s.op.X].C
	for row := range y {
		y[row] = x[row*k+s.op.Index]
	}
}
