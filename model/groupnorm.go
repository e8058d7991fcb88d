package model

import "math"

// groupNormStep runs [GroupNorm]: one task normalises one group of one row.
type groupNormStep struct {
	noScratch
	op          GroupNorm
	gamma, beta []float32
	act         actFunc

	x, y, ss []float32
	perGroup int // channels
	pixels   int
}

func (s *groupNormStep) run(e *Executor, n int) {
	shape := e.shapes[s.op.X]
	s.x, s.y, s.ss = e.rows(s.op.X, n), e.rows(s.op.Y, n), nil
	if s.op.ScaleShift != NoTensor {
		s.ss = e.rows(s.op.ScaleShift, n)
	}
	s.pixels = shape.H * shape.W
	s.perGroup = shape.C / s.op.Groups
	e.pool.Run(n*s.op.Groups, s)
}

// Do implements workers.Task.
func (s *groupNormStep) Do(i int) {
	size := s.perGroup * s.pixels
	x, y := s.x[i*size:(i+1)*size], s.y[i*size:(i+1)*size]
	mean, variance := groupMoments(x)
	rstd := 1 / math.Sqrt(variance+float64(s.op.Eps))
	row, first := i/s.op.Groups, i%s.op.Groups*s.perGroup
	for k := range s.perGroup {
		c := first + k
		// gamma*(x-mean)*rstd + beta as one scale and shift, rounded once.
		scale := float64(float64(s.gamma[c]) * rstd)
		shift := float64(s.beta[c]) - float64(mean*scale)
		if s.ss != nil {
			v := s.ss[2*row*s.op.Channels:]
			up := 1 + float64(v[c])
			scale = float64(scale * up)
			shift = float64(shift*up) + float64(v[s.op.Channels+c])
		}
		at := k * s.pixels
		s.act(y[at:at+s.pixels], x[at:at+s.pixels], float32(scale), float32(shift))
	}
}
