package schedule

import "math"

// ShiftSNR returns the betas of the process whose signal-to-noise ratio alphabar/(1-alphabar) is that of betas
// divided by scale, at each timestep:
//
//	alphabar' = alphabar / (scale + (1-scale)*alphabar)
//
// It is the shift of Hoogeboom, Heek and Salimans, "simple diffusion" (2023), arXiv:2301.11093, equation 5, for
// images and videos of more pixels, which need more noise to lose their signal. Scale is 3 in CogVideoX (Yang et al. 2024,
// arXiv:2408.06072); 1 changes nothing.
func ShiftSNR(betas []float64, scale float64) ([]float64, error) {
	if !(scale > 0) || math.IsInf(scale, 0) {
		return nil, &Error{Field: "SNR shift", Value: scale, Want: "a positive number"}
	}
	n, err := New(betas)
	if err != nil {
		return nil, err
	}
	out := make([]float64, len(betas))
	prev := 1.0
	for t := range out {
		bar := n.AlphaBar(t)
		bar /= scale + (1-scale)*bar
		out[t] = 1 - bar/prev
		prev = bar
	}
	return out, nil
}
