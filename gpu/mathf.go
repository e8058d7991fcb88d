package gpu

import "math"

// The polynomials are those of the Cephes library's single precision functions (S. Moshier, logf.c
// and sinf.c, netlib), with one rounding per operation. The conversions keep the compiler from
// fusing a product into a sum; kernels use __fmul_rn and __fadd_rn in the same order.

// ln replaces each positive normal u by its natural logarithm, within 1 unit in the last place:
//
//	u = m * 2^e,  m in [sqrt(1/2), sqrt(2)),  x = m - 1 (exact)
//	ln u = x - x^2/2 + x^3 P(x) + e*ln2
//
// P is of degree 8, summed in pairs (Estrin's scheme), because a chain of 8 steps would be the
// longest of all that a normal needs:
//
//	P = (p0 + p1 x) + (p2 + p3 x) x^2 + ((p4 + p5 x) + (p6 + p7 x) x^2 + p8 x^4) x^4
//
// ln2 is split into 355/512, of which e multiples are exact, and the rest.
func ln(v []float32) {
	const (
		sqrtHalf = 0x3f3504f3 // bits of sqrt(1/2)
		one      = 0x3f800000 // bits of 1
		ln2Hi    = 0.693359375
		ln2Lo    = -2.12194440e-4
	)
	for i, u := range v {
		b := math.Float32bits(u) + (one - sqrtHalf)
		e := float32(int32(b>>23) - 127)
		x := math.Float32frombits(b&0x7fffff+sqrtHalf) - 1
		z := float32(x * x)
		w := float32(z * z)
		p0 := float32(float32(-2.4999993993e-1*x) + 3.3333331174e-1)
		p2 := float32(float32(-1.6668057665e-1*x) + 2.0000714765e-1)
		p4 := float32(float32(-1.2420140846e-1*x) + 1.4249322787e-1)
		p6 := float32(float32(-1.1514610310e-1*x) + 1.1676998740e-1)
		p0 = float32(float32(p2*z) + p0)
		p4 = float32(float32(p6*z) + p4)
		p4 = float32(float32(7.0376836292e-2*w) + p4)
		p0 = float32(float32(p4*w) + p0)
		y := float32(p0 * float32(x*z))
		y = float32(y + float32(e*ln2Lo))
		y = float32(y - float32(0.5*z))
		v[i] = float32(float32(x+y) + float32(e*ln2Hi))
	}
}

// sincos returns sine and cosine of t in [-pi/4, pi/4], within 1 unit in the last place:
//
//	sin t = t + t^3 S(t^2),  cos t = 1 - t^2/2 + t^4 C(t^2)
func sincos(t float32) (s, c float32) {
	z := float32(t * t)
	s = float32(float32(-1.9515295891e-4*z) + 8.3321608736e-3)
	s = float32(float32(s*z) - 1.6666654611e-1)
	s = float32(float32(float32(s*z)*t) + t)
	c = float32(float32(2.443315711809948e-5*z) - 1.388731625493765e-3)
	c = float32(float32(c*z) + 4.166664568298827e-2)
	c = float32(float32(c*z) * z)
	c = float32(c - float32(0.5*z))
	return s, float32(c + 1)
}
