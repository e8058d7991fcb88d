package schedule

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
)

// The grids below return n noise levels s = sigma/alpha from max down to min, both included (n 1 gives
// max). None of them appends the final 0.

// Karras spaces s^(1/rho) evenly (Karras et al. 2022, arXiv:2206.00364, equation 5; rho is 7 there).
func Karras(n int, smin, smax, rho float64) ([]float64, error) {
	if err := checkLevels(n, smin, smax); err != nil {
		return nil, err
	}
	if !(rho > 0) || math.IsInf(rho, 0) {
		return nil, &Error{Field: "rho", Value: rho, Want: "a positive number, usually 7"}
	}
	lo, hi := math.Pow(smin, 1/rho), math.Pow(smax, 1/rho)
	ramp := linspace(0, 1, n)
	for i, r := range ramp {
		ramp[i] = math.Pow(hi+r*(lo-hi), rho)
	}
	return ramp, nil
}

// Exponential spaces ln(s) evenly. Since lambda = -ln(s), this is also the lambda-uniform (log-SNR)
// grid of DPM-Solver (Lu et al. 2022, arXiv:2206.00927, section 3.4).
func Exponential(n int, smin, smax float64) ([]float64, error) {
	if err := checkLevels(n, smin, smax); err != nil {
		return nil, err
	}
	v := linspace(math.Log(smax), math.Log(smin), n)
	for i, l := range v {
		v[i] = math.Exp(l)
	}
	return v, nil
}

// LambdaUniform spaces lambda = ln(alpha/sigma) evenly between lmin (noisy) and lmax (clean) and returns
// s = exp(-lambda).
func LambdaUniform(n int, lmin, lmax float64) ([]float64, error) {
	return Exponential(n, math.Exp(-lmax), math.Exp(-lmin))
}

// BetaQuantile spaces s by the quantiles of the Beta(a, b) distribution; a = b = 0.6 in Lee et al. 2024,
// "Beta Sampling is All You Need", arXiv:2407.12173.
func BetaQuantile(n int, smin, smax, a, b float64) ([]float64, error) {
	if err := checkLevels(n, smin, smax); err != nil {
		return nil, err
	}
	if !(a > 0) || !(b > 0) || math.IsInf(a, 0) || math.IsInf(b, 0) {
		return nil, &Error{Field: "beta distribution", Value: fmt.Sprint(a, ", ", b), Want: "positive parameters"}
	}
	ramp := linspace(0, 1, n)
	for i, r := range ramp {
		ramp[i] = smin + mathext.InvRegIncBeta(a, b, 1-r)*(smax-smin)
	}
	return ramp, nil
}

func checkLevels(n int, smin, smax float64) error {
	if n < 1 || n > MaxTimesteps {
		return &Error{Field: "steps", Value: n, Want: fmt.Sprintf("1 to %d", MaxTimesteps)}
	}
	if !(smin > 0) || math.IsInf(smin, 0) {
		return &Error{Field: "sigma min", Value: smin, Want: "a positive number"}
	}
	if !(smax >= smin) || math.IsInf(smax, 0) {
		return &Error{Field: "sigma max", Value: smax, Want: "a finite number, at least sigma min"}
	}
	return nil
}
