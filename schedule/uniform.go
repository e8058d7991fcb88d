package schedule

// Uniform spreads n real timesteps evenly from T-1 to 0, both included: ComfyUI's and A1111's normal and
// k-diffusion's DiscreteSchedule.get_sigmas, which A1111 calls uniform. With n 1 it gives T-1. Their noise
// levels are those of [Noise.LogSigmaAt].
func Uniform(n, train int) ([]float64, error) {
	if err := checkPick(n, train, train+1); err != nil {
		return nil, err
	}
	return linspace(float64(train-1), 0, n), nil
}

// SGMUniform spreads n+1 real timesteps evenly from T-1 to 0 and leaves out the 0, so that no step is spent at
// the lowest noise: sgm_uniform of ComfyUI and A1111, after Stability AI's generative-models. Good for few steps
// (turbo and lightning models).
func SGMUniform(n, train int) ([]float64, error) {
	if err := checkPick(n, train, train); err != nil {
		return nil, err
	}
	return linspace(float64(train-1), 0, n+1)[:n], nil
}
