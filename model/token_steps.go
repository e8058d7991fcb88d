package model

// layerNormStep runs [LayerNorm]: one task normalises a block of pixels of one row. The
// pixels are lanes whose sums, in float64, run over the channels in order, so the size of
// a block does not change the result.
type layerNormStep struct {
	noScratch
	op          LayerNorm
	gamma, beta []float32

	x, y   []float32
	pixels int
	blocks int // of pixels
}

// normBlock is how many pixels are a block: a few cache lines of a channel, so that the
// large step from channel to channel is made seldom.
const normBlock = 64

func (s *layerNormStep) run(e *Executor, n int) {
	shape := e.shapes[s.op.X]
	s.x, s.y = e.rows(s.op.X, n), e.rows(s.op.Y, n)
	s.pixels = shape.H * shape.W
	s.blocks = (s.pixels + normBlock - 1) / normBlock
	e.pool.Run(n*s.blocks, s)
}

// Do implements workers.Task.
func (s *layerNormStep) Do(i int) {
	row, first := i/s.blocks, i%s.blocks*normBlock
	count := min(normBlock, s.pixels-first)
	lo := row*s.op.Channels*s.pixels + first
	var sum, sq [normBlock]float64
	pixelMoments(sum[:count], sq[:count], s.x[lo:], s.op.Channels, s.pixels)
	deviations(sum[:count], sq[:count], float64(s.op.Channels), float64(s.op.Eps))
	for c := range s.op.Channels {
		x, y := s.x[lo+c*s.pixels:][:count], s.y[lo+c*s.pixels:][:count]
		normalise(y, x, sum[:], sq[:], float64(s.gamma[c]), float64(s.beta[c]))
	}
}

// gegluStep runs [GEGLU]: one task a piece of a row.
type gegluStep struct {
	noScratch
	op     GEGLU
	x, y   []float32
	size   int // elements of a row of the result
	pieces int // of a row
}

// gegluLen is how many elements one task takes; the GELU makes them dear.
const gegluLen = 1 << 10

func (s *gegluStep) run(e *Executor, n int) {
	s.x, s.y = e.rows(s.op.X, n), e.rows(s.op.Y, n)
	s.size = e.shapes[s.op.Y].Len()
	s.pieces = (s.size + gegluLen - 1) / gegluLen
	e.pool.Run(n*s.pieces, s)
}

// Do implements workers.Task.
func (s *gegluStep) Do(i int) {
	row, lo := i/s.pieces, i%s.pieces*gegluLen
	hi := min(lo+gegluLen, s.size)
	y := s.y[row*s.size+lo : row*s.size+hi]
	x := s.x[2*row*s.size+lo:][:len(y)]
	gate := s.x[(2*row+1)*s.size+lo:][:len(y)]
	gegluMap(y, x, gate)
}

// swapAxesStep runs [SwapAxes]: one task a channel of the result.
type swapAxesStep struct {
	noScratch
	op   SwapAxes
	x, y []float32
	c, h int // of the result
}

func (s *swapAxesStep) run(e *Executor, n int) {
	shape := e.shapes[s.op.Y]
	s.x, s.y = e.rows(s.op.X, n), e.rows(s.op.Y, n)
	s.c, s.h = shape.C, shape.H
	e.pool.Run(n*s.c, s)
}

// Do implements workers.Task.
func (s *swapAxesStep) Do(i int) {
	row, c := i/s.c, i%s.c
	x, y := s.x[row*s.c*s.h:(row+1)*s.c*s.h], s.y[i*s.h:(i+1)*s.h]
	for h := range y {
		y[h] = x[h*s.c+c]
	}
}

// upsampleLikeStep runs [UpsampleLike]: one task a channel plane.
type upsampleLikeStep struct {
	noScratch
	op   UpsampleLike
	x, y []float32
	from Shape
	to   Shape
}

func (s *upsampleLikeStep) run(e *Executor, n int) {
	s.from, s.to = e.shapes[s.op.X], e.shapes[s.op.Y]
	s.x, s.y = e.rows(s.op.X, n), e.rows(s.op.Y, n)
	e.pool.Run(n*s.to.C, s)
}

// Do implements workers.Task.
func (s *upsampleLikeStep) Do(i int) {
	x := s.x[i*s.from.H*s.from.W : (i+1)*s.from.H*s.from.W]
	y := s.y[i*s.to.H*s.to.W : (i+1)*s.to.H*s.to.W]
	for r := range s.to.H {
		from, to := x[r/2*s.from.W:], y[r*s.to.W:(r+1)*s.to.W]
		for c := range to {
			to[c] = from[c/2]
		}
	}
}
