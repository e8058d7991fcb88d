package schedule

import "fmt"

// Simple takes every T/n-th timestep from the noisiest down: t[i] = T-1 - int(i*T/n), the simple_scheduler of
// ComfyUI and A1111.
func Simple(n, train int) ([]float64, error) {
	if err := checkPick(n, train, train); err != nil {
		return nil, err
	}
	stride := float64(train) / float64(n)
	ts := make([]float64, n)
	for i := range ts {
		ts[i] = float64(train - 1 - int(float64(i)*stride))
	}
	return ts, nil
}

// DDIMUniform takes the timesteps 1 + i*(T/n), with T/n in integer division, the noisiest first, as DDIM does
// (Song et al. 2020, arXiv:2010.02502) and ddim_uniform of ComfyUI and ddim of A1111. Those two take more steps
// than they are asked for where n does not divide T; here the noisiest of these are left out, as with diffusers'
// leading spacing and steps_offset 1. At most T-1 steps.
func DDIMUniform(n, train int) ([]float64, error) {
	if err := checkPick(n, train, train-1); err != nil {
		return nil, err
	}
	stride := train / n
	ts := make([]float64, n)
	for i := range ts {
		ts[i] = float64(1 + (n-1-i)*stride)
	}
	return ts, nil
}

// checkPick refuses a choice of n timesteps among train, of which at most limit can be taken.
func checkPick(n, train, limit int) error {
	if err := checkCount(train); err != nil {
		return err
	}
	if n < 1 || n > limit {
		return &Error{Field: "steps", Value: n, Want: fmt.Sprintf("1 to %d", limit)}
	}
	return nil
}
