package bfloat

// span is neighbouring columns of a tile of B whose pixels are neighbours in the source too.
type span struct {
	src int // index of the first one's pixel, to which the offset of each place is added
	col int // first column in the tile
	n   int // columns
}

// gather fills the 16 columns of len(offsets)/2 pairs of B: dst[(p*side+s.col+i)*2+h] = src[s.src+offsets[2*p+h]+i] for
// h of 0 and 1, each span s and i < s.n. Columns of no span are 0. maxOffset is the largest offset.
func gather(l level, dst, src []uint16, offsets []int32, maxOffset int, spans []span) {
	pairs := len(offsets) / 2
	if pairs == 0 {
		return
	}
	dst = dst[:pairs*depth]
	for _, s := range spans {
		_ = src[s.src+maxOffset+s.n-1]
	}
	if l >= avx512 && gatherSIMD(dst, src, offsets, spans) {
		return
	}
	if s := spans[len(spans)-1]; s.col+s.n < side {
		clear(dst)
	}
	for p := range pairs {
		d := dst[p*depth:][:depth]
		for h := range 2 {
			off := int(offsets[2*p+h])
			for _, s := range spans {
				for i, v := range src[s.src+off:][:s.n] {
					d[(s.col+i)*2+h] = v
				}
			}
		}
	}
}
