package gemm

// Geometry is how the source of a convolution's B lies in memory: a padded copy, or the input itself. A stride S is taken
// out of the gathering: a row is stored as S phases (columns 0, S, 2S, ..., then 1, S+1, ...), so that neighbouring
// output pixels read neighbouring values.
type Geometry struct {
	Phase     int // values of one phase of a padded row
	Row       int // values of a padded row, all phases
	Plane     int // values of a channel
	Image     int // values of an image
	Run       int // output pixels in a row whose sources are neighbours
	RunStride int // values from one such run to the next
}

// Geometry returns the layout for inputs of h x w pixels.
func (s ConvShape) Geometry(h, w int) Geometry {
	oh, ow := s.OutSize(h, w)
	phase := ceilDiv(w+s.PadL+s.PadR, s.Stride)
	g := Geometry{Phase: phase, Row: phase * s.Stride, Run: ow}
	g.Plane = g.Row * (h + s.PadT + s.PadB)
	g.Image = g.Plane * s.InC
	g.RunStride = g.Row * s.Stride
	if g.RunStride == g.Run { // a 1-wide kernel: rows join
		g.Run, g.RunStride = oh*ow, 0
	}
	return g
}

// Offsets appends how far the source of each place of a sum, (channel, row, column) of the kernel, is from that of the first
// one, and returns the largest too. An image has less than 2^31 values.
func (g Geometry) Offsets(s ConvShape, offsets []int32) (all []int32, most int) {
	for ic := range s.InC {
		for kh := range s.KH {
			for kw := range s.KW {
				off := ic*g.Plane + kh*g.Row + kw%s.Stride*g.Phase + kw/s.Stride
				offsets = append(offsets, int32(off))
				most = max(most, off)
			}
		}
	}
	return offsets, most
}
