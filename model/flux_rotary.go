package model

// rotaryStep runs [Rotary]: one task one pair of channels of a row. The angles of a pair
// follow from the row or from the column of a pixel, so a table needs no more numbers than
// the grid is high or wide.
type rotaryStep struct {
	noScratch
	op    Rotary
	grid  Shape
	pairs []rotaryPair // of a head

	x, y   []float32
	tokens int
}

// rotaryPair is a pair of channels: the cosines and sines by row, or by column.
type rotaryPair struct {
	cos, sin []float32
	axis     int // of Rotary.Axes
}

func newRotaryStep(o Rotary, grid Shape) *rotaryStep {
	s := &rotaryStep{op: o, grid: grid}
	for axis, dim := range o.Axes {
		n := [...]int{1, grid.H, grid.W}[axis]
		for k := range dim / 2 {
			p := rotaryPair{axis: axis, cos: make([]float32, n), sin: make([]float32, n)}
			freq := exp64(float64(-log64(o.Theta) * (float64(2*k) / float64(dim))))
			for i := range n {
				sin, cos := sincos64(float64(float64(i) * freq))
				p.sin[i], p.cos[i] = float32(sin), float32(cos)
			}
			s.pairs = append(s.pairs, p)
		}
	}
	return s
}

// Angles are the cosines and sines by which the tokens of a grid are turned, [height*width, d/2, 2]
// with d the channels of a head, for other backends.
func (o Rotary) Angles(height, width int) []float32 {
	pairs := newRotaryStep(o, Shape{H: height, W: width}).pairs
	out := make([]float32, 0, height*width*len(pairs)*2)
	for p := range height * width {
		at := [...]int{0, p / width, p % width}
		for _, pair := range pairs {
			out = append(out, pair.cos[at[pair.axis]], pair.sin[at[pair.axis]])
		}
	}
	return out
}

func (s *rotaryStep) run(e *Executor, n int) {
	shape := e.shapes[s.op.X]
	s.x, s.y, s.tokens = e.rows(s.op.X, n), e.rows(s.op.Y, n), shape.H*shape.W
	e.pool.Run(n*shape.C/2, s)
}

// Do implements workers.Task.
func (s *rotaryStep) Do(i int) {
	pair := s.pairs[i%len(s.pairs)]
	x, y := s.x[2*i*s.tokens:][:2*s.tokens], s.y[2*i*s.tokens:][:2*s.tokens]
	if pair.axis == 0 { // its coordinate is 0
		copy(y, x)
		return
	}
	first := s.tokens - s.grid.H*s.grid.W
	copy(y[:first], x)
	copy(y[s.tokens:][:first], x[s.tokens:])
	for row := range s.grid.H {
		at, w := first+row*s.grid.W, s.grid.W
		x0, x1 := x[at:][:w], x[s.tokens+at:][:w]
		y0, y1 := y[at:][:w], y[s.tokens+at:][:w]
		if pair.axis == 1 {
			turn(y0, y1, x0, x1, pair.cos[row], pair.sin[row])
		} else {
			turnEach(y0, y1, x0, x1, pair.cos, pair.sin)
		}
	}
}

// turn turns every (x0, x1) by one angle. The results may be in the operands' memory.
func turn(y0, y1, x0, x1 []float32, cos, sin float32) {
	y0, y1, x1 = y0[:len(x0)], y1[:len(x0)], x1[:len(x0)]
	for j, a := range x0 {
		b := x1[j]
		y0[j] = float32(a*cos) - float32(b*sin)
		y1[j] = float32(b*cos) + float32(a*sin)
	}
}

// turnEach is turn with an angle for each.
func turnEach(y0, y1, x0, x1, cos, sin []float32) {
	y0, y1, x1 = y0[:len(x0)], y1[:len(x0)], x1[:len(x0)]
	cos, sin = cos[:len(x0)], sin[:len(x0)]
	for j, a := range x0 {
		b := x1[j]
		y0[j] = float32(a*cos[j]) - float32(b*sin[j])
		y1[j] = float32(b*cos[j]) + float32(a*sin[j])
	}
}
