package sampler

import (
	"fmt"
	"math"
)

// ancestral splits the step between the levels a > b (sigma/alpha) into a deterministic part, down to the
// first result, and the standard deviation of the noise that brings it back up to b:
//
//	up = min(b, eta*sqrt(b^2*(a^2-b^2)/a^2)),  down = sqrt(b^2 - up^2)
//
// It is get_ancestral_step of k-diffusion; eta 1 is the posterior of Ho et al. 2020.
func ancestral(a, b, eta float64) (down, up float64) {
	up = math.Min(b, eta*b*math.Sqrt(math.Max(a*a-b*b, 0))/a)
	return math.Sqrt(math.Max(b*b-up*up, 0)), up
}

// etaOf returns the value of an option that is 0 to 1.
func etaOf(name string, eta *float64, otherwise float64) (float64, error) {
	v := valueOr(eta, otherwise)
	if !(v >= 0 && v <= 1) {
		return 0, &PlanError{Sampler: name, Step: -1, Detail: fmt.Sprintf("eta %v: want 0 to 1", v)}
	}
	return v, nil
}
