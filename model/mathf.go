package model

import "math"

// The elementary functions here are written out because those of package math use
// assembly on some architectures and fused multiply-add on others. Every product is
// converted explicitly, which by the Go specification forbids fusing it with a sum.

// Constants of expWithin: ln 2 in two parts, the first with trailing zeros so that
// n*ln2Hi is exact for |n| < 2^11, and a polynomial for (exp(r)-1-r)/r^2 on
// |r| <= ln(2)/2, interpolated at Chebyshev nodes (relative error of exp: 1.0e-8).
const (
	log2e32 = 1.4426950408889634
	ln2Hi32 = 0.693359375
	ln2Lo32 = -2.12194440e-4
	exp32C0 = 0.5
	exp32C1 = 0.16666576666119906
	exp32C2 = 0.041666554212985187
	exp32C3 = 0.008363232883687007
	exp32C4 = 0.0013926250831690803
	// Adding and subtracting 1.5*2^23 rounds a float32 below 2^22 to an integer.
	round32 = 12582912
)

// exp64 is e^x in float64, within a few ulp. Reduction by ln 2 in two parts, then the
// Taylor series up to r^13 (the next term is below 3e-18 for |r| <= ln(2)/2).
func exp64(x float64) float64 {
	switch {
	case x != x:
		return x
	case x > 709.7:
		return math.Inf(1)
	case x < -708:
		return 0
	}
	n := math.Floor(float64(x*math.Log2E) + 0.5)
	// High part of ln 2 with 21 trailing zero bits: n*hi is exact.
	r := float64(x-float64(n*6.93147180369123816490e-01)) - float64(n*1.90821492927058770002e-10)
	p := 1.0
	for k := 13; k >= 1; k-- {
		p = float64(float64(p*r)/float64(k)) + 1
	}
	return math.Ldexp(p, int(n))
}

// log64 is ln(x) in float64: x = m * 2^e with m in [sqrt(1/2), sqrt(2)), and
// ln m = 2 atanh(s) = 2 (s + s^3/3 + s^5/5 + ...), s = (m-1)/(m+1), |s| <= 0.1716.
func log64(x float64) float64 {
	switch {
	case x != x || x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	case math.IsInf(x, 1):
		return x
	}
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	s := (m - 1) / (m + 1)
	s2 := float64(s * s)
	p := 0.0
	for k := 21; k >= 1; k -= 2 { // next term: 0.1716^23/23 = 1e-19
		p = float64(p*s2) + 1/float64(k)
	}
	return float64(float64(e)*math.Ln2) + float64(2*float64(s*p))
}

// Pi/2 in three parts; the first two end in enough zero bits that a product with an
// integer below 2^20 is exact (as in Cody and Waite, "Software Manual", 1980).
const (
	pio2A = 1.57079632673412561417e+00
	pio2B = 6.07710050630396597660e-11
	pio2C = 2.02226624879595063154e-21
)

// sincos64 is sin(x) and cos(x) in float64, accurate to about 1e-16 for |x| < 1.6e6.
// Larger arguments are first reduced by 2*pi as a float64, which loses accuracy as
// the argument grows (a time step never gets there). Infinities give NaN.
func sincos64(x float64) (sin, cos float64) {
	if x != x || math.IsInf(x, 0) {
		return math.NaN(), math.NaN()
	}
	if math.Abs(x) > 1.6e6 {
		x = math.Mod(x, 2*math.Pi)
	}
	n := math.Floor(float64(x*(2/math.Pi)) + 0.5)
	r := float64(float64(x-float64(n*pio2A))-float64(n*pio2B)) - float64(n*pio2C)
	r2 := float64(r * r)
	// Taylor series; |r| <= pi/4, the first dropped terms are below 1e-17.
	s, c := 1.0, 1.0
	for k := 16; k >= 2; k -= 2 {
		s = 1 - float64(float64(s*r2)/float64(k*(k+1)))
		c = 1 - float64(float64(c*r2)/float64(k*(k-1)))
	}
	s = float64(s * r)
	switch int64(n) & 3 {
	case 1:
		return c, -s
	case 2:
		return -s, -c
	case 3:
		return -c, s
	}
	return s, c
}
