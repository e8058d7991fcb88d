package gemm

// Fused is what a Run takes over from the operations around a convolution. The result has the bits that these would
// give one after the other.
type Fused struct {
	Up       bool      // src is [n, InC, h/2, w/2], each pixel of which stands for 2x2; see [ConvShape.CanUp]
	Row      []float32 // [n, OutC], added to every pixel of its channel, or nil
	Residual []float32 // [n, OutC, oh, ow], then added to the result, or nil; not dst
}

// CanUp tells whether a Run can enlarge its input.
func (s ConvShape) CanUp() bool { return s.Stride == 1 && !s.unpadded() }

// check panics unless the operands are those of the run, and keeps what it needs of them.
func (f *Fused) check(r *convRun) {
	outC := r.conv.shape.OutC
	if f.Up && (!r.conv.shape.CanUp() || r.h%2 != 0 || r.w%2 != 0) {
		panic("gemm: conv: this input cannot be enlarged")
	}
	if f.Row != nil {
		f.Row = f.Row[:r.n*outC]
	}
	if f.Residual != nil {
		f.Residual = f.Residual[:r.n*outC*r.pixels]
	}
}

// planes are where the source of a run begins: the distance of its images and of its channels.
func (r *convRun) planes() (image, channel int) {
	channel = r.h * r.w
	if r.fused.Up {
		channel /= 4
	}
	return r.conv.shape.InC * channel, channel
}

// add adds what is fused to n <= maxTileN pixels from q on of some channels of an image, the first of which is row.
func (r *convRun) add(img, row, rows, q, n int) {
	at := (img*r.conv.shape.OutC+row)*r.pixels + q
	if f := r.fused.Row; f != nil {
		for i, v := range f[img*r.conv.shape.OutC+row:][:rows] {
			for j := range r.dst[at+i*r.pixels:][:n] {
				r.dst[at+i*r.pixels+j] += v
			}
		}
	}
	if f := r.fused.Residual; f != nil {
		d := r.dst[at:]
		sumRows(r.conv.tiling.level, d, r.pixels, d, r.pixels, f[at:], r.pixels, rows, n)
	}
}

// adds tells whether anything is added.
func (f *Fused) adds() bool { return f.Row != nil || f.Residual != nil }

// from is v from place i on, nil for nil.
func from(v []float32, i int) []float32 {
	if v == nil {
		return nil
	}
	return v[i:]
}

// twice writes each float of src two times.
func twice(l level, dst, src []float32) {
	dst = dst[:2*len(src)]
	done := 0
	if (l == avx2 || l == avx512) && len(src) >= twiceBlock {
		done = len(src) / twiceBlock * twiceBlock
		twice2(&dst[0], &src[0], done)
	}
	for i, v := range src[done:] {
		dst[2*(done+i)], dst[2*(done+i)+1] = v, v
	}
}

// twiceBlock is how many floats twice2 takes at once.
const twiceBlock = 8

// upRows are rows of an enlarged image that a job needs.
type upRows struct{ img, y0, y1 int }

// enlarge fills ws.up with the rows of a channel that the job needs, where they are in the images from the job's first
// on.
func (ws *winoSpace) enlarge(r *convRun, ic int) []float32 {
	image, channel := r.planes()
	first, w := ws.parts[0].img, r.w
	for _, rows := range ws.rows {
		src := r.src[rows.img*image+ic*channel:][:channel]
		to := ws.up[(rows.img-first)*r.h*w:][:r.h*w]
		for y := rows.y0; y < rows.y1; y++ {
			if y > rows.y0 && y%2 == 1 {
				copy(to[y*w:][:w], to[(y-1)*w:])
			} else {
				twice(r.conv.tiling.level, to[y*w:][:w], src[y/2*(w/2):][:w/2])
			}
		}
	}
	return ws.up
}

// planUp lists the rows that enlarge makes, each once.
func (ws *winoSpace) planUp(r *convRun) {
	ws.rows = ws.rows[:0]
	for i := range ws.parts {
		p := &ws.parts[i]
		next := upRows{p.img, p.y + p.y0, p.y + p.y1}
		if n := len(ws.rows); n > 0 && ws.rows[n-1].img == p.img {
			ws.rows[n-1].y1 = max(ws.rows[n-1].y1, next.y1)
			continue
		}
		ws.rows = append(ws.rows, next)
	}
	first, last := ws.parts[0].img, ws.parts[len(ws.parts)-1].img
	ws.up = grow(ws.up, (last-first+1)*r.h*r.w)
}
