// Package sampler holds the samplers of diffusion models as tables, and runs them.
//
// Every sampler of the field is, per network evaluation, one small linear map over a few registers with
// one element-wise non-linearity (the clip of the predicted clean image) in the middle; see [Stage]. So a
// sampler is host mathematics in float64: it compiles itself to a [Plan], and a [Device] executes the
// stages, one launch each for a whole batch (two when [Plan.Reduces]). Each [Request] of the batch has its
// own plan, guidance and seed, and its result does not depend on the others.
//
// # Symbols
//
//	x          the sample; x = alpha*x0 + sigma*epsilon
//	D          the clean sample x0 that the network predicts at the current point, after the clip
//	abar       alpha-bar, alpha^2 on a variance-preserving grid
//	lambda     ln(alpha/sigma), half the log-SNR; h is a difference of lambdas
//	[s], [t]   of the point a step starts from, and of the point it goes to
//
// # Files
//
// One sampler a file, named for it: ddpm.go, ddim.go, dpmsolver.go and dpmsolverpp.go (over multistep.go),
// euler.go, euler_ancestral.go, heun.go, lcm.go and so on. The way from data to noise is that of
// ddim_inverse.go; renoise.go is the way back of restart.go and repaint.go. guidance.go, dynamic.go and inpaint.go hold what any of
// them combines with: guidance, threshold and rescale, a known part. registry.go finds the samplers by the
// names that users know.
// Package sampler/diffusers reads the scheduler configs of that library.
package sampler
