package bfloat

import "github.com/cudiffuse/cudiffuse/internal/half"

// padTask rounds the input into its padded copy, rows split into phases; index i is one group of planesPerJob
// channels, counted over the batch.
type padTask convRun

// Do implements workers.Task.
func (t *padTask) Do(i int) {
	r := (*convRun)(t)
	planes := r.n * r.conv.shape.InC
	for p := i * r.planesPerJob; p < min((i+1)*r.planesPerJob, planes); p++ {
		r.padPlane(r.cols[p*r.geo.Plane:][:r.geo.Plane], r.src[p*r.h*r.w:][:r.h*r.w])
	}
}

// padPlane writes every value of one padded channel.
func (r *convRun) padPlane(dst []uint16, src []float32) {
	s, row := &r.conv.shape, r.geo.Row
	inner := dst[s.PadT*row:][:r.h*row]
	if s.Stride > 1 || len(dst) > len(src) {
		clear(dst) // faster than to clear the few columns of each row
	}
	if s.Stride == 1 {
		roundRows(simd, inner[s.PadL:], row, src, r.w, r.h, r.w)
		return
	}
	for y := range r.h {
		line := inner[y*row:][:row]
		for x, v := range src[y*r.w:][:r.w] {
			at := x + s.PadL
			line[at%s.Stride*r.geo.Phase+at/s.Stride] = half.BFloat16(v)
		}
	}
}
