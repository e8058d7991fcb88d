// Package schedule holds the noise schedules and time grids of diffusion models, in float64.
//
// A model is trained on noisy samples x = alpha*x0 + sigma*epsilon. Which alpha and sigma belong to
// which timestep is the noise schedule; at which of them a sampler evaluates the network is the grid.
// Everything here is computed on the host, once per plan, so it is never done in float32.
//
// # Symbols
//
//	T          number of training timesteps, usually 1000; timesteps are 0..T-1, 0 the cleanest
//	beta[t]    variance added by training step t
//	alpha-bar  product of (1-beta) up to and including t; the textbooks write it with a bar
//	alpha      sqrt(alpha-bar), the factor of the clean sample
//	sigma      sqrt(1-alpha-bar), the factor of the noise
//	lambda     ln(alpha/sigma), half the logarithm of the signal-to-noise ratio
//
// # Half-log-SNR
//
// The DPM-Solver papers (Lu et al. 2022, arXiv:2206.00927 and arXiv:2211.01095) use
// lambda = ln(alpha/sigma). Textbooks often write log(alphabar) - log(1-alphabar) for the same purpose:
// that is the log-SNR, exactly 2*lambda. A step h must be a difference of lambdas; with log-SNRs in its
// place every exponential of the solver is squared. [Noise.Lambda] and [Noise.LogSNR] give both.
//
// # Two scales of the same process
//
// A variance-preserving point (VP) keeps alpha^2+sigma^2 = 1. The samplers of k-diffusion hold the
// sample divided by alpha instead, x = x0 + s*epsilon with s = sigma/alpha (variance exploding, VE), and
// multiply by c_in = 1/sqrt(1+s^2) before each network evaluation. A [Point] states its scale by In.
package schedule
