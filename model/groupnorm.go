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
	mean, variance := moments(x)
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

// moments returns mean and biased variance. The sums are in float64, where squares of
// float32 are exact, in four lanes that are added in a fixed order at the end.
func moments(x []float32) (mean, variance float64) {
	var s0, s1, s2, s3, q0, q1, q2, q3 float64
	n := float64(len(x))
	for ; len(x) >= 4; x = x[4:] {
		a, b, c, d := float64(x[0]), float64(x[1]), float64(x[2]), float64(x[3])
		s0 += a
		s1 += b
		s2 += c
		s3 += d
		q0 += float64(a * a)
		q1 += float64(b * b)
		q2 += float64(c * c)
		q3 += float64(d * d)
	}
	for _, v := range x {
		a := float64(v)
		s0 += a
		q0 += float64(a * a)
	}
	mean = ((s0 + s1) + (s2 + s3)) / n
	variance = ((q0+q1)+(q2+q3))/n - float64(mean*mean)
	if variance < 0 { // rounding; NaN passes
		variance = 0
	}
	return mean, variance
}
