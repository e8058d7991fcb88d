package model

import "math"

// Constants of geluGeneric. With t = 1/(1 + geluT*a), a = |z|,
//
//	exp(a^2/2) erfc(a/sqrt(2))/2 = t*(c[0] + c[1]*t + ...)    relative error 4.4e-9
//	e^r = d[0] + d[1]*r + ... for |r| <= ln(2)/2              relative error 2.5e-9
//
// both interpolated at Chebyshev nodes, the first for a <= geluMax, where z times the tail
// is below the smallest float32. Highest powers first.
const (
	geluT   = 0.3
	geluMax = 14.5
	// Adding 1.5*2^52 to a float64 below 2^51 rounds it to an integer, in its low bits.
	round64 = 3 << 51
	ln2Hi64 = 6.93147180369123816490e-01 // 21 trailing zero bits
	ln2Lo64 = 1.90821492927058770002e-10
)

var geluTail = [...]float64{
	-0.020956024236529876, 0.11425745295144049, -0.23252440731632124, 0.19755058456609897, -0.08421348151641847,
	0.09871138234526548, 0.07751790107697595, 0.11041841109557173, 0.11955043147351706, 0.1196877476912642,
}

var geluExp = [...]float64{
	0.0013941118895837, 0.008375134774624326, 0.04166635277111221, 0.16666415414041177,
	0.5000000047146057, 1.0000000377388714, 1,
}

// geluMapGeneric is geluMap in Go.
func geluMapGeneric(dst, src []float32, scale, shift float32) {
	dst = dst[:len(src)]
	for i, x := range src {
		dst[i] = gelu(float32(x*scale) + shift)
	}
}

// gegluMapGeneric is gegluMap in Go.
func gegluMapGeneric(dst, x, gate []float32) {
	dst, gate = dst[:len(x)], gate[:len(x)]
	for i, v := range x {
		dst[i] = v * gelu(gate[i])
	}
}

// gelu is z times the probability that a normal number is below z, within 0.7 ulp. The
// arithmetic is in float64, so that the tail of a negative z keeps its relative precision.
func gelu(z32 float32) float32 {
	z := float64(z32)
	a := math.Abs(z)
	p := 0.0            // the probability of more than a
	if !(a > geluMax) { // true for NaN, which stays
		t := 1 / (1 + float64(a*geluT))
		q := geluTail[0]
		for _, c := range geluTail[1:] {
			q = float64(q*t) + c
		}
		v := float64(float64(a*a) * -0.5)
		s := float64(v*math.Log2E) + round64
		n := s - round64
		r := float64(v-float64(n*ln2Hi64)) - float64(n*ln2Lo64)
		e := geluExp[0]
		for _, c := range geluExp[1:] {
			e = float64(e*r) + c
		}
		power := math.Float64frombits((math.Float64bits(s) + 1023) << 52) // 2^n
		p = float64(float64(q*t) * float64(e*power))
	}
	if z > 0 {
		p = 1 - p
	}
	return float32(float64(z * p))
}
