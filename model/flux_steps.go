package model

// bindJoint binds the operations on sequences of text and image.
func (e *Executor) bindJoint(w *Weights, op Op) (boundStep, int, error) {
	switch o := op.(type) {
	case HeadRMSNorm:
		return &headRMSNormStep{op: o, gamma: w.Param(o.Gamma)}, 0, nil
	case JoinTokens:
		return &joinTokensStep{op: o}, 0, nil
	case TakeTokens:
		return &takeTokensStep{op: o}, 0, nil
	case Rotary:
		return newRotaryStep(o, e.shapes[o.Like]), 0, nil
	case PixelUnshuffle:
		return &pixelShuffleStep{x: o.X, y: o.Y, side: o.Side}, 0, nil
	case PixelShuffle:
		return &pixelShuffleStep{x: o.X, y: o.Y, side: o.Side, back: true}, 0, nil
	}
	return e.bindSmall(w, op)
}

// joinTokensStep runs [JoinTokens]: one task some channels of a row.
type joinTokensStep struct {
	noScratch
	op      JoinTokens
	a, b, y []float32
	na, nb  int // tokens
}

func (s *joinTokensStep) run(e *Executor, n int) {
	a, b := e.shapes[s.op.A], e.shapes[s.op.B]
	s.a, s.b, s.y = e.rows(s.op.A, n), e.rows(s.op.B, n), e.rows(s.op.Y, n)
	s.na, s.nb = a.H*a.W, b.H*b.W
	e.pool.Run((n*a.C+planesPerTask-1)/planesPerTask, s)
}

// Do implements workers.Task.
func (s *joinTokensStep) Do(i int) {
	planes := len(s.a) / s.na
	for k := i * planesPerTask; k < min((i+1)*planesPerTask, planes); k++ {
		y := s.y[k*(s.na+s.nb):][:s.na+s.nb]
		copy(y, s.a[k*s.na:][:s.na])
		copy(y[s.na:], s.b[k*s.nb:][:s.nb])
	}
}

// takeTokensStep runs [TakeTokens]: one task some channels of a row.
type takeTokensStep struct {
	noScratch
	op      TakeTokens
	x, y    []float32
	from, n int // tokens of an operand and of the result
	first   int
}

func (s *takeTokensStep) run(e *Executor, n int) {
	x, y := e.shapes[s.op.X], e.shapes[s.op.Y]
	s.x, s.y = e.rows(s.op.X, n), e.rows(s.op.Y, n)
	s.from, s.n, s.first = x.H*x.W, y.H*y.W, 0
	if s.op.End {
		s.first = s.from - s.n
	}
	e.pool.Run((n*x.C+planesPerTask-1)/planesPerTask, s)
}

// Do implements workers.Task.
func (s *takeTokensStep) Do(i int) {
	planes := len(s.y) / s.n
	for k := i * planesPerTask; k < min((i+1)*planesPerTask, planes); k++ {
		copy(s.y[k*s.n:][:s.n], s.x[k*s.from+s.first:])
	}
}

// pixelShuffleStep runs [PixelUnshuffle] and, with back, [PixelShuffle]: one task one
// channel of the one with few channels.
type pixelShuffleStep struct {
	noScratch
	x, y TensorID
	side int
	back bool

	big, small []float32 // pixels and blocks: which is read depends on back
	w          int       // of the blocks
	pixels     int       // blocks of a channel
}

func (s *pixelShuffleStep) run(e *Executor, n int) {
	big, small := s.x, s.y
	if s.back {
		big, small = s.y, s.x
	}
	s.big, s.small = e.rows(big, n), e.rows(small, n)
	s.w, s.pixels = e.shapes[small].W, e.shapes[small].H*e.shapes[small].W
	e.pool.Run(n*e.shapes[big].C, s)
}

// Do implements workers.Task.
func (s *pixelShuffleStep) Do(i int) {
	size := s.side * s.side * s.pixels
	big, small := s.big[i*size:][:size], s.small[i*size:][:size]
	for part := range s.side * s.side {
		p, q := part/s.side, part%s.side
		for j := range s.pixels {
			at := ((j/s.w)*s.side+p)*s.w*s.side + j%s.w*s.side + q
			if s.back {
				big[at] = small[part*s.pixels+j]
			} else {
				small[part*s.pixels+j] = big[at]
			}
		}
	}
}
