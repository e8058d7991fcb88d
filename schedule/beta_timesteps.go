package schedule

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/mathext"
)

// BetaTimesteps takes the timesteps at the quantiles of the Beta(a, b) distribution, a = b = 0.6 in Lee et al. 2024,
// "Beta Sampling is All You Need", arXiv:2407.12173, the noisiest first:
//
//	t[i] = round((T-1) * quantile(1 - i/n))
//
// That is the beta of ComfyUI; the one of A1111 and diffusers, [BetaQuantile], takes the quantiles in the noise
// level instead and is another grid. ComfyUI takes fewer steps than it is asked for where two of them round to the
// same timestep (from 139 of 1000 on); here that is an error.
func BetaTimesteps(n, train int, a, b float64) ([]float64, error) {
	if err := checkPick(n, train, train); err != nil {
		return nil, err
	}
	if !(a > 0) || !(b > 0) || math.IsInf(a, 0) || math.IsInf(b, 0) {
		return nil, &Error{Field: "beta distribution", Value: fmt.Sprint(a, ", ", b), Want: "positive parameters"}
	}
	ts := make([]float64, n)
	for i := range ts {
		q := mathext.InvRegIncBeta(a, b, 1-float64(i)/float64(n))
		if a == b && 2*i == n {
			q = 0.5 // exactly, by symmetry: with T even it lies between two timesteps
		}
		ts[i] = math.RoundToEven(q * float64(train-1))
		if i > 0 && !(ts[i] < ts[i-1]) {
			return nil, &Error{Field: "steps", Value: n, Want: "fewer: two of them fall on one timestep"}
		}
	}
	return ts, nil
}
