package gemm

// padTask copies the input with its padding, rows split into phases; index i is one group of
// planesPerJob channels, counted over the batch.
type padTask convRun

// Do implements workers.Task.
func (t *padTask) Do(i int) {
	r := (*convRun)(t)
	planes := r.n * r.conv.shape.InC
	for p := i * r.planesPerJob; p < min((i+1)*r.planesPerJob, planes); p++ {
		r.padPlane(r.cols[p*r.geo.plane:][:r.geo.plane], r.src[p*r.h*r.w:][:r.h*r.w])
	}
}

// padPlane writes every float of one padded channel.
func (r *convRun) padPlane(dst, src []float32) {
	s, row := &r.conv.shape, r.geo.row
	clear(dst[:s.PadT*row])
	clear(dst[(s.PadT+r.h)*row:])
	dst = dst[s.PadT*row:][:r.h*row]
	if s.Stride > 1 {
		for phase := range s.Stride {
			r.padPhase(dst, src, phase)
		}
		return
	}
	for len(dst) > 0 {
		padRow(dst[:row], src[:r.w], s.PadL)
		dst, src = dst[row:], src[r.w:]
	}
}

// padRow writes left zeros, src, and zeros to the end. For these short lengths a loop is faster
// than clear.
func padRow(dst, src []float32, left int) {
	for i := range dst[:left] {
		dst[i] = 0
	}
	body := dst[left:]
	copy(body, src)
	for i := len(src); i < len(body); i++ {
		body[i] = 0
	}
}

// padPhase writes one phase of each row of dst: columns phase, phase+Stride, ... of the padded
// row, of which place i holds column phase-PadL+i*Stride of src or zero.
func (r *convRun) padPhase(dst, src []float32, phase int) {
	s, n := &r.conv.shape, r.geo.phase
	i0 := min(ceilDiv(max(s.PadL-phase, 0), s.Stride), n) // places i0 to i1 are in src
	i1 := min(max(ceilDiv(r.w+s.PadL-phase, s.Stride), i0), n)
	for y := range r.h {
		d := dst[y*r.geo.row+phase*n:][:n]
		x := y*r.w + phase - s.PadL + i0*s.Stride
		clear(d[:i0])
		for i := i0; i < i1; i++ {
			d[i] = src[x]
			x += s.Stride
		}
		clear(d[i1:])
	}
}
