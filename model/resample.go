package model

// resampleStep runs [Resample]: a task takes some channel planes.
type resampleStep struct {
	noScratch
	op         Resample
	x, y       []float32
	planes     int
	h, w       int // of the operand
	hOut, wOut int
}

func (s *resampleStep) run(e *Executor, n int) {
	in, out := e.shapes[s.op.X], e.shapes[s.op.Y]
	s.x, s.y = e.rows(s.op.X, n), e.rows(s.op.Y, n)
	s.planes = n * in.C
	s.h, s.w, s.hOut, s.wOut = in.H, in.W, out.H, out.W
	e.pool.Run((s.planes+planesPerTask-1)/planesPerTask, s)
}

// Do implements workers.Task.
func (s *resampleStep) Do(i int) {
	for p := i * planesPerTask; p < min((i+1)*planesPerTask, s.planes); p++ {
		x := s.x[p*s.h*s.w : (p+1)*s.h*s.w]
		y := s.y[p*s.hOut*s.wOut : (p+1)*s.hOut*s.wOut]
		switch s.op.Mode {
		case UpNearest:
			upNearest(y, x, s.w)
		case DownMean:
			downMean(y, x, s.w, s.wOut)
		case UpFIR:
			upFIR(y, x, s.h, s.w)
		case DownFIR:
			downFIR(y, x, s.h, s.w, s.wOut)
		}
	}
}

// upNearest writes each pixel of rows of w pixels four times.
func upNearest(y, x []float32, w int) {
	for len(x) >= w && len(x) > 0 {
		top := y[: 2*w : 2*w]
		for j, v := range x[:w] {
			top[2*j], top[2*j+1] = v, v
		}
		copy(y[2*w:4*w], top)
		x, y = x[w:], y[4*w:]
	}
}

// downMean is the mean of 2x2 pixels, added row by row.
func downMean(y, x []float32, w, wOut int) {
	for o := 0; o < len(y); o += wOut {
		a, b := x[:w], x[w:2*w]
		for j := range wOut {
			y[o+j] = (((a[2*j] + a[2*j+1]) + b[2*j]) + b[2*j+1]) * 0.25
		}
		if o+wOut < len(y) {
			x = x[2*w:]
		}
	}
}

// upFIR interleaves zeros and filters with (1,3,3,1)/4 each way. Of the four taps two
// fall on zeros, so that output 2i is (x[i-1] + 3 x[i])/4 and 2i+1 is (3 x[i] + x[i+1])/4.
func upFIR(y, x []float32, h, w int) {
	at := func(r, c int) float32 {
		if r < 0 || c < 0 || r >= h || c >= w {
			return 0
		}
		return x[r*w+c]
	}
	for r := range 2 * h {
		near, far := r/2, r/2-1+2*(r&1)
		for c := range 2 * w {
			cn, cf := c/2, c/2-1+2*(c&1)
			// 9/16, 3/16 and 1/16 are exact; each product is rounded once.
			sum := float32(0.5625*at(near, cn)) + float32(0.1875*at(near, cf))
			sum += float32(0.1875 * at(far, cn))
			y[r*2*w+c] = sum + float32(0.0625*at(far, cf))
		}
	}
}

// downFIR filters with (1,3,3,1)/8 each way, with one row and column of zeros around
// the image, and keeps every second pixel: taps x[2i-1] .. x[2i+2].
func downFIR(y, x []float32, h, w, wOut int) {
	taps := [4]float32{0.125, 0.375, 0.375, 0.125}
	for o := range y {
		r, c := o/wOut*2-1, o%wOut*2-1
		sum := float32(0)
		for i := max(0, -r); i < min(4, h-r); i++ {
			for j := max(0, -c); j < min(4, w-c); j++ {
				k := taps[i] * taps[j]
				sum += float32(k * x[(r+i)*w+c+j])
			}
		}
		y[o] = sum
	}
}
