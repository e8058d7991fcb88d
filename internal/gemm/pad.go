package gemm

// padTask copies the input with its padding, rows split into phases; index i is one group of
// planesPerJob channels, counted over the batch.
type padTask convRun

// Do implements workers.Task.
func (t *padTask) Do(i int) {
	r := (*convRun)(t)
	planes := r.n * r.conv.shape.InC
	for p := i * r.planesPerJob; p < min((i+1)*r.planesPerJob, planes); p++ {
		_, channel := r.planes()
		r.padPlane(r.cols[p*r.geo.Plane:][:r.geo.Plane], r.src[p*channel:][:channel])
	}
}

// padPlane writes every float of one padded channel.
func (r *convRun) padPlane(dst, src []float32) {
	s, row := &r.conv.shape, r.geo.Row
	clear(dst[:s.PadT*row])
	clear(dst[(s.PadT+r.h)*row:])
	dst = dst[s.PadT*row:][:r.h*row]
	if s.Stride > 1 {
		for phase := range s.Stride {
			r.padPhase(dst, src, phase)
		}
		return
	}
	if r.fused.Up {
		r.padUp(dst, src)
		return
	}
	for len(dst) > 0 {
		padRow(dst[:row], src[:r.w], s.PadL)
		dst, src = dst[row:], src[r.w:]
	}
}

// padUp writes the rows of an enlarged channel.
func (r *convRun) padUp(dst, src []float32) {
	row, left := r.geo.Row, r.conv.shape.PadL
	for len(dst) > 0 {
		top := dst[:row]
		twice(r.conv.tiling.level, top[left:], src[:r.w/2])
		clear(top[:left])
		clear(top[left+r.w:])
		copy(dst[row:2*row], top)
		dst, src = dst[2*row:], src[r.w/2:]
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
	s, n := &r.conv.shape, r.geo.Phase
	i0 := min(ceilDiv(max(s.PadL-phase, 0), s.Stride), n) // places i0 to i1 are in src
	i1 := min(max(ceilDiv(r.w+s.PadL-phase, s.Stride), i0), n)
	for y := range r.h {
		d := dst[y*r.geo.Row+phase*n:][:n]
		for i := range d[:i0] {
			d[i] = 0
		}
		for i := i1; i < n; i++ {
			d[i] = 0
		}
	}
	if x := phase - s.PadL + i0*s.Stride; i0 < i1 {
		r.every(dst[phase*n+i0:], src[x:], i1-i0)
	}
}

// every copies each Stride-th float of the rows of src, n of each.
func (r *convRun) every(dst, src []float32, n int) {
	stride, row := r.conv.shape.Stride, r.geo.Row
	dst, src = dst[:(r.h-1)*row+n], src[:(r.h-1)*r.w+(n-1)*stride+1]
	if l := r.conv.tiling.level; stride == 2 && n >= evensMin && (l == avx2 || l == avx512) {
		evens2(&dst[0], row, &src[0], r.w, r.h, n)
		return
	}
	for y := range r.h {
		from := src[y*r.w:]
		for i := range dst[y*row:][:n] {
			dst[y*row+i] = from[i*stride]
		}
	}
}

// evensMin is the fewest values of a row that evens2 takes.
const evensMin = 8
