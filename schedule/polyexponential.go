package schedule

import "math"

// Polyexponential spaces ln(s) along a power of the remaining share of the steps, as k-diffusion's
// get_sigmas_polyexponential does:
//
//	ln s[i] = ln min + (1 - i/(n-1))^rho * (ln max - ln min)
//
// With rho 1 it is [Exponential]; a larger rho spends more steps at low noise.
func Polyexponential(n int, smin, smax, rho float64) ([]float64, error) {
	if err := checkLevels(n, smin, smax); err != nil {
		return nil, err
	}
	if !(rho > 0) || math.IsInf(rho, 0) {
		return nil, &Error{Field: "rho", Value: rho, Want: "a positive number, usually 1"}
	}
	lo, hi := math.Log(smin), math.Log(smax)
	v := linspace(1, 0, n)
	for i, r := range v {
		v[i] = math.Exp(lo + math.Pow(r, rho)*(hi-lo))
	}
	return v, checkFalling(v)
}
