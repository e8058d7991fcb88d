package model

// noScratch is for steps that need none.
type noScratch struct{}

func (noScratch) setScratch([]float32) {}

// chunkLen is how many elements one task of an element-wise operation takes.
const chunkLen = 1 << 13

// chunk returns the bounds of piece i of n elements.
func chunk(i, n int) (lo, hi int) { return i * chunkLen, min((i+1)*chunkLen, n) }

func chunks(n int) int { return (n + chunkLen - 1) / chunkLen }

// mapStep runs [Act] and [Affine]: y = fn(x*scale + shift).
type mapStep struct {
	noScratch
	from, to     TensorID
	fn           actFunc
	scale, shift float32
	x, y         []float32
}

func (s *mapStep) run(e *Executor, n int) {
	s.x, s.y = e.rows(s.from, n), e.rows(s.to, n)
	e.pool.Run(chunks(len(s.x)), s)
}

// Do implements workers.Task.
func (s *mapStep) Do(i int) {
	lo, hi := chunk(i, len(s.x))
	s.fn(s.y[lo:hi], s.x[lo:hi], s.scale, s.shift)
}

// addStep runs [Add].
type addStep struct {
	noScratch
	op      Add
	a, b, y []float32
}

func (s *addStep) run(e *Executor, n int) {
	s.a, s.b, s.y = e.rows(s.op.A, n), e.rows(s.op.B, n), e.rows(s.op.Y, n)
	e.pool.Run(chunks(len(s.a)), s)
}

// Do implements workers.Task.
func (s *addStep) Do(i int) {
	lo, hi := chunk(i, len(s.a))
	a, b, y := s.a[lo:hi], s.b[lo:hi], s.y[lo:hi]
	if s.op.Div == 1 {
		sumMap(y, a, b)
		return
	}
	b, y = b[:len(a)], y[:len(a)]
	for i := range a {
		y[i] = (a[i] + b[i]) / s.op.Div
	}
}

// planesPerTask is how many channel planes one task takes.
const planesPerTask = 8

// addChannelStep runs [AddChannel].
type addChannelStep struct {
	noScratch
	op      AddChannel
	x, v, y []float32
	pixels  int
}

func (s *addChannelStep) run(e *Executor, n int) {
	shape := e.shapes[s.op.X]
	s.x, s.v, s.y = e.rows(s.op.X, n), e.rows(s.op.V, n), e.rows(s.op.Y, n)
	s.pixels = shape.H * shape.W
	e.pool.Run((len(s.v)+planesPerTask-1)/planesPerTask, s)
}

// Do implements workers.Task.
func (s *addChannelStep) Do(i int) {
	for c := i * planesPerTask; c < min((i+1)*planesPerTask, len(s.v)); c++ {
		lo, hi := c*s.pixels, (c+1)*s.pixels
		affineMap(s.y[lo:hi], s.x[lo:hi], 1, s.v[c]) // a product with 1 is exact
	}
}

// concatStep runs [Concat]: one task a row.
type concatStep struct {
	noScratch
	op      Concat
	a, b, y []float32
	la, lb  int
}

func (s *concatStep) run(e *Executor, n int) {
	s.a, s.b, s.y = e.rows(s.op.A, n), e.rows(s.op.B, n), e.rows(s.op.Y, n)
	s.la, s.lb = e.shapes[s.op.A].Len(), e.shapes[s.op.B].Len()
	e.pool.Run(n, s)
}

// Do implements workers.Task.
func (s *concatStep) Do(i int) {
	y := s.y[i*(s.la+s.lb):]
	copy(y[:s.la], s.a[i*s.la:])
	copy(y[s.la:s.la+s.lb], s.b[i*s.lb:])
}

// divRowStep runs [DivRow]: one task a row.
type divRowStep struct {
	noScratch
	op      DivRow
	x, t, y []float32
	size    int
}

func (s *divRowStep) run(e *Executor, n int) {
	s.x, s.t, s.y = e.rows(s.op.X, n), e.rows(s.op.T, n), e.rows(s.op.Y, n)
	s.size = e.shapes[s.op.X].Len()
	e.pool.Run(n, s)
}

// Do implements workers.Task.
func (s *divRowStep) Do(i int) {
	x, y, t := s.x[i*s.size:(i+1)*s.size], s.y[i*s.size:(i+1)*s.size], s.t[i]
	for j := range x {
		y[j] = x[j] / t
	}
}
