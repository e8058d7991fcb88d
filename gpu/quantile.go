package gpu

import (
	"math"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// limits is dynamic thresholding of one request (sampler.Threshold).
type limits struct {
	rank       int     // floor(q*(n-1))
	lerp, rest float32 // the fraction of q*(n-1), rounded, and 1-lerp
	most       float32 // largest limit
	count      [256]int
}

// newLimits computes the position q*(n-1) in float64, where torch has float32. lerp may round up to
// 1. rest is used for lerp from 1/2 to 1 only, where 1-lerp is exact.
func newLimits(elems int, t *sampler.Threshold) *limits {
	rank, frac := math.Modf(float64(t.Quantile * float64(elems-1))) // rounded before it is split
	lerp := float32(frac)
	return &limits{rank: int(rank), lerp: lerp, rest: 1 - lerp, most: float32(t.Max)}
}

// of returns the limit of a sample: the exact quantile of |v|, interpolated as torch.quantile and
// torch.lerp do, each operation rounded to float32,
//
//	lo, hi = the elements of |v| of rank rank and rank+1, from 0; hi = lo when lerp is 0
//	s      = lerp < 1/2 ? lo + lerp*(hi-lo) : hi - (hi-lo)*(1-lerp)
//	limit  = s, at least 1 and at most most; most when s is NaN
//
// The order is that of the bits without the sign, so NaN is larger than infinity. One NaN among
// many numbers therefore counts as one large element and the limit stays that of the others; in
// torch it makes the whole sample NaN. When lo or hi itself is NaN or infinite, so is s, the one or
// the other, and the limit is most.
func (t *limits) of(v []float32) float32 {
	lo, hi := t.order(v)
	if t.lerp == 0 {
		hi = lo
	}
	a, b := math.Float32frombits(lo), math.Float32frombits(hi)
	step := b - a
	var s float32
	if t.lerp < 0.5 {
		s = a + float32(t.lerp*step)
	} else {
		s = b - float32(step*t.rest)
	}
	if !(s <= t.most) {
		return t.most
	}
	if s < 1 {
		return 1
	}
	return s
}

// order returns the bits of the elements of rank and rank+1 in the order of the bits of |v|; for
// the last rank both are the same. It finds the first byte by byte from the top, counting the elements
// that agree in the bytes before, and the second among the larger ones.
func (t *limits) order(v []float32) (lo, hi uint32) {
	var known uint32     // mask of the bytes of lo that are found
	rank := t.rank       // among the elements that agree with lo in them
	equal, digit := 0, 0 // how many agree after this byte
	for shift := 24; shift >= 0; shift -= 8 {
		clear(t.count[:])
		for _, x := range v {
			if b := magnitude(x); b&known == lo {
				t.count[b>>shift&0xff]++
			}
		}
		for digit = 0; rank >= t.count[digit]; digit++ {
			rank -= t.count[digit]
		}
		equal = t.count[digit]
		lo |= uint32(digit) << shift
		known |= 0xff << shift
	}
	if rank+1 < equal || t.rank == len(v)-1 {
		return lo, lo
	}
	hi = math.MaxUint32
	for _, x := range v {
		if b := magnitude(x); b > lo {
			hi = min(hi, b)
		}
	}
	return lo, hi
}

// magnitude returns the bits of |x|, which order as the numbers do, with NaN last.
func magnitude(x float32) uint32 { return math.Float32bits(x) &^ (1 << 31) }
