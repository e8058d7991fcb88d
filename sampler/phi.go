package sampler

import "math"

// phi returns the exponential-integrator functions (Hochbruck and Ostermann 2010, Acta Numerica 19):
//
//	phi1(z) = (e^z - 1)/z, phi2(z) = (phi1(z) - 1)/z, phi3(z) = (phi2(z) - 1/2)/z
//
// Near 0 the differences cancel, so the Taylor series sum z^j/(j+k)! takes over. At -Inf (a step to sigma
// 0) all are 0.
func phi(z float64) (phi1, phi2, phi3 float64) {
	if math.IsInf(z, -1) {
		return 0, 0, 0
	}
	if math.Abs(z) > 1 {
		phi1 = math.Expm1(z) / z
		phi2 = (phi1 - 1) / z
		phi3 = (phi2 - 0.5) / z
		return phi1, phi2, phi3
	}
	term := 1.0 / 6 // z^j/(j+3)!
	for j := 0; j < 20; j++ {
		phi3 += term
		term *= z / float64(j+4)
	}
	phi2 = 0.5 + z*phi3
	phi1 = 1 + z*phi2
	return phi1, phi2, phi3
}
