package gpu

import "math"

// noise fills dst with noise k of the stage from element lo on: a draw, or the sum of its terms, from +0 in their
// order with one rounding per operation:
//
//	n = sum_j w[j]*normal(seed, draw[j], i)
func (r *cpuRow) noise(dst []float32, e *entry, k, lo int) {
	if r.noises != nil {
		copy(dst, r.drawn[k][lo:])
		return
	}
	terms := e.sumOf(k, r.terms)
	if len(terms) == 0 {
		normals(dst, r.seed, e.draw[k], uint64(lo))
		return
	}
	clear(dst)
	var b [noiseElems]float32
	n := b[:len(dst)]
	for _, t := range terms {
		normals(n, r.seed, t.draw, uint64(lo))
		if t.weight != 0 { // a zero weight skips its draw
			sum(dst, []term{{n, t.weight}}, true)
		}
	}
}

// draw takes the draws of the stage from the request's own noise.
func (r *cpuRow) draw(e *entry) {
	if r.noises == nil {
		return
	}
	for k, id := range e.draw {
		if id != 0 {
			r.noises(int(id), r.drawn[k])
		}
	}
}

// learned scales noise by what the network predicts, see sampler.Learned.
func learned(n []float32, e *entry, v []float32) {
	v = v[:len(n)]
	if e.has(flagRoot) {
		for i, x := range v {
			if x < 0 {
				x = 0
			}
			n[i] = float32(root(x) * n[i])
		}
		return
	}
	for i, x := range v {
		n[i] = float32(exp(float32(float32(e.gain*x)+e.bias)) * n[i])
	}
}

// exp returns e^x within 2 units in the last place for x from -86 to 88, and the ends' values beyond: those of
// a standard deviation never matter. NaN stays one. The polynomial is that of Cephes' expf, with one rounding per
// operation, as in mathf.go:
//
//	x = z*ln2 + r,  z whole,  |r| <= ln2/2
//	e^x = 2^z * (1 + r + r^2*P(r))
//
// z is found by adding 1.5*2^23, which leaves it in the lowest bits of the sum.
func exp(x float32) float32 {
	const (
		magic = 0x1.8p23
		log2e = 1.44269504088896341
		ln2Hi = 0.693359375
		ln2Lo = -2.12194440e-4
	)
	if x > 88 {
		x = 88
	}
	if x < -86 {
		x = -86
	}
	t := float32(float32(x*log2e) + magic)
	z := float32(t - magic)
	r := float32(x - float32(z*ln2Hi))
	r = float32(r - float32(z*ln2Lo))
	p := float32(float32(1.9875691500e-4*r) + 1.3981999507e-3)
	p = float32(float32(p*r) + 8.3334519073e-3)
	p = float32(float32(p*r) + 4.1665795894e-2)
	p = float32(float32(p*r) + 1.6666665459e-1)
	p = float32(float32(p*r) + 5.0000001201e-1)
	y := float32(float32(float32(p*float32(r*r))+r) + 1)
	return float32(y * math.Float32frombits(math.Float32bits(t)<<23+0x3f800000))
}
