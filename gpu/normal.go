package gpu

import "math"

// Normals fills dst with the standard normal noise of elements first, first+1, ... of a draw.
//
// Each value is a pure function of (seed, draw, element), so any split of a range gives the same
// values; draw 0 is the initial noise of a request, later draws are counted by its plan. first is
// not negative and draw is in [0, 2^32); others wrap around. |value| is at most 6.77.
//
// Element i takes lane i%4 of Philox 4x32-10 at counter (lo, hi of i/4, draw, 0) under the key (lo,
// hi of seed), and lanes (0, 1) and (2, 3) are Box-Muller pairs, see radius. Only correctly rounded
// float32 operations are used, none of them fused, so the bits are the same on every machine.
func Normals(dst []float32, seed uint64, draw int, first int) {
	normals(dst, seed, uint32(draw), uint64(first))
}

func normals(dst []float32, seed uint64, draw uint32, first uint64) {
	if simd != generic {
		normalsSIMD(dst, seed, draw, first)
		return
	}
	normalsGeneric(dst, seed, draw, first)
}

// lanes is the number of normals made at a time. The stages below run one after another over short
// arrays, because a processor overlaps the long chains of neighbouring elements within one short
// loop.
const lanes = 128

// normalsGeneric is normals in Go.
func normalsGeneric(dst []float32, seed uint64, draw uint32, first uint64) {
	var v [lanes]float32
	b := first / 4
	if skip := int(first % 4); skip != 0 {
		normals4(v[:4], seed, draw, b)
		dst = dst[copy(dst, v[skip:4]):]
		b++
	}
	for whole := len(dst) &^ 3; whole > 0; whole = len(dst) &^ 3 {
		n := min(whole, lanes)
		normals4(dst[:n], seed, draw, b)
		dst = dst[n:]
		b += uint64(n / 4)
	}
	if len(dst) > 0 {
		normals4(v[:4], seed, draw, b)
		copy(dst, v[:4])
	}
}

// normals4 is the noise from element 4b on; len(dst) is a multiple of 4, at most lanes:
//
//	for each block: uint4 c = philox(block.lo, block.hi, draw, 0, seed.lo, seed.hi);
//	                lanes 0, 1 = box_muller(c.x, c.y), lanes 2, 3 = box_muller(c.z, c.w)
func normals4(dst []float32, seed uint64, draw uint32, b uint64) {
	var radii [lanes / 2]float32
	var turns [lanes / 2]uint32
	r, phi := radii[:len(dst)/2], turns[:len(dst)/2]
	for i := 0; i+1 < len(r) && i+1 < len(phi); i += 2 {
		c0, c1, c2, c3 := philox(uint32(b), uint32(b>>32), draw, 0, uint32(seed), uint32(seed>>32))
		r[i], r[i+1] = uniform(c0), uniform(c2)
		phi[i], phi[i+1] = c1, c3
		b++
	}
	radius(r)
	rotate(dst, r, phi)
}

// uniform, radius and rotate make two independent normals of two uniform integers (Box and Muller
// 1958):
//
//	u = (a + 1/2) / 2^32 in (0, 1],  r = sqrt(-2 ln u),  phi = 2 pi b / 2^32
//	even lane = r cos phi, odd lane = r sin phi
func uniform(a uint32) float32 { return float32(float32(a)*0x1p-32) + 0x1p-33 }

// radius replaces each u by sqrt(-2 ln u).
func radius(u []float32) {
	ln(u)
	for i, l := range u {
		u[i] = float32(math.Sqrt(float64(float32(-2 * l)))) // the correctly rounded float32 root
	}
}

// rotate makes the pairs of dst of radii and integer turns.
func rotate(dst, r []float32, turns []uint32) {
	r = r[:len(turns)]
	for i, b := range turns {
		c, s := direction(b)
		if len(dst) < 2 {
			return
		}
		dst[0], dst[1] = float32(r[i]*c), float32(r[i]*s)
		dst = dst[2:]
	}
}

// direction returns cos phi and sin phi. The turn is reduced exactly, in integers: b = (quarter <<
// 30) + f with f in [-2^29, 2^29], so the polynomials only see theta = f*(pi/2)/2^30 in [-pi/4,
// pi/4].
func direction(b uint32) (cos, sin float32) {
	const turn = 0x1.921fb6p-30 // (pi/2)/2^30
	quarter := (b + 1<<29) >> 30
	s, c := sincos(float32(float32(int32(b-quarter<<30)) * turn))
	// Rotate by quarter: (c, s), (-s, c), (-c, -s), (s, -c), with signs flipped as bits.
	cb, sb := math.Float32bits(c), math.Float32bits(s)
	if quarter&1 != 0 {
		cb, sb = sb, cb
	}
	cb ^= (quarter + 1) & 2 << 30
	sb ^= quarter & 2 << 30
	return math.Float32frombits(cb), math.Float32frombits(sb)
}
