package gpu

import "math"

// Normals fills dst with the standard normal noise of elements first, first+1, ... of a draw.
//
// Each value is a pure function of (seed, draw, element), so any split of a range gives the same
// values; draw 0 is the initial noise of a request, later draws are counted by its plan. first is not
// negative and draw is in [0, 2^32); others wrap around. |value| is at most 6.77.
//
// Element i takes lane i%4 of Philox 4x32-10 at counter (lo, hi of i/4, draw, 0) under the key
// (lo, hi of seed), and lanes (0, 1) and (2, 3) are Box-Muller pairs, see [boxMuller]. Only correctly
// rounded float32 operations are used, none of them fused, so the bits are the same on every machine.
func Normals(dst []float32, seed uint64, draw int, first int) {
	normals(dst, seed, uint32(draw), uint64(first))
}

func normals(dst []float32, seed uint64, draw uint32, first uint64) {
	b, lane := first/4, int(first%4)
	if lane != 0 {
		v := normals4(seed, draw, b)
		dst = dst[copy(dst, v[lane:]):]
		b++
	}
	for ; len(dst) >= 4; b++ {
		v := normals4(seed, draw, b)
		copy(dst[:4], v[:])
		dst = dst[4:]
	}
	if len(dst) > 0 {
		v := normals4(seed, draw, b)
		copy(dst, v[:])
	}
}

// normals4 is the noise of elements 4b to 4b+3.
func normals4(seed uint64, draw uint32, b uint64) (v [4]float32) {
	c0, c1, c2, c3 := philox(uint32(b), uint32(b>>32), draw, 0, uint32(seed), uint32(seed>>32))
	v[0], v[1] = boxMuller(c0, c1)
	v[2], v[3] = boxMuller(c2, c3)
	return v
}

// boxMuller makes two independent normals of two uniform integers (Box and Muller 1958):
//
//	u = (a + 1/2) / 2^32 in (0, 1],  r = sqrt(-2 ln u),  phi = 2 pi b / 2^32
//	p = r cos phi,  q = r sin phi
//
// The turn is reduced exactly, in integers: b = (quarter << 30) + f with f in [-2^29, 2^29], so the
// polynomials only see theta = f*(pi/2)/2^30 in [-pi/4, pi/4].
func boxMuller(a, b uint32) (p, q float32) {
	const (
		half = 0x1p-33
		turn = 0x1.921fb6p-30 // (pi/2)/2^30
	)
	u := float32(float32(a)*0x1p-32) + half
	l := float32(-2 * ln(u))
	r := float32(math.Sqrt(float64(l))) // the float64 root rounded again is the correctly rounded one
	quarter := (b + 1<<29) >> 30
	theta := float32(float32(int32(b-quarter<<30)) * turn)
	s, c := sincos(theta)
	// Rotate by quarter: (c, s), (-s, c), (-c, -s), (s, -c), with signs flipped as bits.
	cb, sb := math.Float32bits(c), math.Float32bits(s)
	if quarter&1 != 0 {
		cb, sb = sb, cb
	}
	cb ^= (quarter + 1) & 2 << 30
	sb ^= quarter & 2 << 30
	return float32(r * math.Float32frombits(cb)), float32(r * math.Float32frombits(sb))
}
