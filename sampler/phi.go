package sampler

import "math"

// phi returns the first three exponential-integrator functions, see [phis].
func phi(z float64) (phi1, phi2, phi3 float64) {
	p := phis(z, 3)
	return p[0], p[1], p[2]
}

// phis returns n exponential-integrator functions (Hochbruck and Ostermann 2010, Acta Numerica 19):
//
//	phi1(z) = (e^z - 1)/z, phi2(z) = (phi1(z) - 1)/z, ... phi[k+1](z) = (phi[k](z) - 1/k!)/z
//
// Near 0 the differences cancel, so the Taylor series sum z^j/(j+k)! takes over. At -Inf (a step to sigma
// 0) all are 0.
func phis(z float64, n int) []float64 {
	p := make([]float64, n)
	if math.IsInf(z, -1) {
		return p
	}
	if math.Abs(z) > 1 {
		p[0] = math.Expm1(z) / z
		for k := 1; k < n; k++ {
			p[k] = (p[k-1] - 1/factorial(k)) / z
		}
		return p
	}
	term := 1 / factorial(n) // z^j/(j+n)!
	for j := 0; j < 20; j++ {
		p[n-1] += term
		term *= z / float64(j+n+1)
	}
	for k := n - 1; k > 0; k-- {
		p[k-1] = 1/factorial(k) + z*p[k]
	}
	return p
}

func factorial(n int) float64 {
	f := 1.0
	for k := 2; k <= n; k++ {
		f *= float64(k)
	}
	return f
}
