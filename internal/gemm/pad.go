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
	s := &r.conv.shape
	clear(dst[:s.PadT*r.geo.row])
	dst = dst[s.PadT*r.geo.row:]
	for range r.h {
		if s.Stride == 1 {
			padRow(dst[:r.geo.row], src[:r.w], s.PadL)
		} else {
			r.padRowPhases(dst[:r.geo.row], src[:r.w])
		}
		dst, src = dst[r.geo.row:], src[r.w:]
	}
	clear(dst)
}

// padRow writes left zeros, src, and zeros to the end.
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

// padRowPhases writes a padded row with column x at phase x%Stride, place x/Stride.
func (r *convRun) padRowPhases(dst, src []float32) {
	s := &r.conv.shape
	for first := range s.Stride {
		d := dst[first*r.geo.phase:][:r.geo.phase]
		// Place i holds column first-PadL+i*Stride of src: those from i0 to i1 exist.
		i0 := min(ceilDiv(max(s.PadL-first, 0), s.Stride), len(d))
		i1 := min(max(ceilDiv(len(src)+s.PadL-first, s.Stride), i0), len(d))
		clear(d[:i0])
		x := first - s.PadL + i0*s.Stride
		for i := range d[i0:i1] {
			d[i0+i] = src[x]
			x += s.Stride
		}
		clear(d[i1:])
	}
}
