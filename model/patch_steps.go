package model

import "math"

// adaLayerNormStep runs [AdaLayerNorm] as layerNormStep does [LayerNorm], with factors of
// the row.
type adaLayerNormStep struct {
	noScratch
	op AdaLayerNorm

	x, v, y []float32
	vector  int // elements of a row of v
	pixels  int
	blocks  int // of pixels
}

func (s *adaLayerNormStep) run(e *Executor, n int) {
	shape := e.shapes[s.op.X]
	s.x, s.v, s.y = e.rows(s.op.X, n), e.rows(s.op.V, n), e.rows(s.op.Y, n)
	s.vector, s.pixels = e.shapes[s.op.V].C, shape.H*shape.W
	s.blocks = (s.pixels + normBlock - 1) / normBlock
	e.pool.Run(n*s.blocks, s)
}

// Do implements workers.Task.
func (s *adaLayerNormStep) Do(i int) {
	row, first, c := i/s.blocks, i%s.blocks*normBlock, s.op.Channels
	count := min(normBlock, s.pixels-first)
	lo := row*c*s.pixels + first
	v := s.v[row*s.vector : (row+1)*s.vector]
	scale, shift := v[s.op.Scale*c:][:c], v[s.op.Shift*c:][:c]
	var mean, rstd [normBlock]float64
	pixelMoments(mean[:count], rstd[:count], s.x[lo:], c, s.pixels)
	deviations(mean[:count], rstd[:count], float64(c), float64(s.op.Eps))
	for k := range c {
		x, y := s.x[lo+k*s.pixels:][:count], s.y[lo+k*s.pixels:][:count]
		normalise(y, x, mean[:], rstd[:], 1+float64(scale[k]), float64(shift[k]))
	}
}

// deviations makes the mean and the inverse deviation of n numbers of their sum and the sum of
// their squares, element by element.
func deviations(sum, sq []float64, n, eps float64) {
	for j := range sum {
		mean := sum[j] / n
		variance := sq[j]/n - float64(mean*mean)
		if variance < 0 { // rounding; NaN passes
			variance = 0
		}
		sum[j], sq[j] = mean, 1/math.Sqrt(variance+eps)
	}
}

// gatedAddStep runs [GatedAdd].
type gatedAddStep struct {
	noScratch
	op         GatedAdd
	a, b, v, y []float32

	channels, pixels int
	vector           int // elements of a row of v
}

func (s *gatedAddStep) run(e *Executor, n int) {
	shape := e.shapes[s.op.A]
	s.a, s.b = e.rows(s.op.A, n), e.rows(s.op.B, n)
	s.v, s.y = e.rows(s.op.V, n), e.rows(s.op.Y, n)
	s.channels, s.pixels, s.vector = shape.C, shape.H*shape.W, e.shapes[s.op.V].C
	e.pool.Run((n*s.channels+planesPerTask-1)/planesPerTask, s)
}

// Do implements workers.Task.
func (s *gatedAddStep) Do(i int) {
	planes := len(s.a) / s.pixels
	for k := i * planesPerTask; k < min((i+1)*planesPerTask, planes); k++ {
		row, c := k/s.channels, k%s.channels
		gate := s.v[row*s.vector+s.op.Gate*s.channels+c]
		a := s.a[k*s.pixels : (k+1)*s.pixels]
		b, y := s.b[k*s.pixels:][:len(a)], s.y[k*s.pixels:][:len(a)]
		for j := range a {
			y[j] = a[j] + float32(gate*b[j])
		}
	}
}

// positionsStep runs [GridPositions] and [CroppedPositions]: one task a row.
type positionsStep struct {
	noScratch
	from, to  TensorID
	positions []float32 // [C, H, W]
	x, y      []float32
}

func (s *positionsStep) run(e *Executor, n int) {
	s.x, s.y = e.rows(s.from, n), e.rows(s.to, n)
	e.pool.Run(n, s)
}

// Do implements workers.Task.
func (s *positionsStep) Do(row int) {
	p := s.positions
	x, y := s.x[row*len(p):][:len(p)], s.y[row*len(p):][:len(p)]
	for i, v := range p {
		y[i] = x[i] + v
	}
}

// Positions is the table [C, H, W] that is added to a tensor of shape x. As in diffusers the
// positions are rounded to float32 after each operation, and the rest is in float64.
func (o GridPositions) Positions(x Shape) []float32 {
	y := make([]float32, x.Len())
	quarter, pixels := x.C/4, x.H*x.W
	place := func(i, n int) float64 {
		step := float32(float64(n) / float64(o.Side))
		return float64(float32(float32(i)/step) / float32(o.Interpolation))
	}
	for i := range quarter {
		omega := exp64(float64(-log64(10000) * (float64(i) / float64(quarter))))
		for p := range pixels {
			sin, cos := sincos64(float64(place(p%x.W, x.W) * omega))
			y[i*pixels+p], y[(quarter+i)*pixels+p] = float32(sin), float32(cos)
			sin, cos = sincos64(float64(place(p/x.W, x.H) * omega))
			y[(2*quarter+i)*pixels+p], y[(3*quarter+i)*pixels+p] = float32(sin), float32(cos)
		}
	}
	return y
}

// unpatchifyStep runs [Unpatchify]: one task a channel of the result.
type unpatchifyStep struct {
	noScratch
	op   Unpatchify
	x, y []float32
	from Shape
	to   Shape
}

func (s *unpatchifyStep) run(e *Executor, n int) {
	s.from, s.to = e.shapes[s.op.X], e.shapes[s.op.Y]
	s.x, s.y = e.rows(s.op.X, n), e.rows(s.op.Y, n)
	e.pool.Run(n*s.to.C, s)
}

// Do implements workers.Task.
func (s *unpatchifyStep) Do(i int) {
	row, c, size := i/s.to.C, i%s.to.C, s.op.Patch
	pixels := s.from.H * s.from.W
	y := s.y[i*s.to.H*s.to.W : (i+1)*s.to.H*s.to.W]
	for part := range size * size {
		p, q := part/size, part%size
		x := s.x[(row*s.from.C+part*s.to.C+c)*pixels:][:pixels]
		for j, v := range x {
			h, w := j/s.from.W, j%s.from.W
			y[(h*size+p)*s.to.W+w*size+q] = v
		}
	}
}
