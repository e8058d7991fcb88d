// Package gpu executes sampler plans: latents, network buffers and the fused update for a batch of
// requests, each with its own plan, stage, guidance and seed.
//
// [CPU] is the reference. It is written beside the form of the kernel that does the same on a GPU
// (same order, same names) and defines every bit of the result: all sums start from +0 and add
// their terms in the documented order, each product and each sum is rounded to float32 on its own
// (no fused multiply-add on any architecture), and a zero coefficient skips its term, whatever the
// register holds.
//
// [CUDA] is a GPU, in programs that are built with the tag cuda. A stage is one launch for all
// requests ([Capturer] makes network and update one graph), with the bits of [CPU]. The kernel is
// chosen by what the batch asks for, see variant.go; all of them give the same bits. [OnHost] runs
// a network of the CPU for it.
//
// # Reductions
//
// Thresholds and rescaled guidance need a number that is made of a whole sample. Its bits are
// defined too: sums have the order of one thread block, 1024 partial sums and a tree, and quantiles
// are exact order statistics, interpolated as torch does it. They differ from torch where that makes
// a whole sample NaN: the factor is 1 when the guided output has no deviation, and to a quantile one
// NaN is one large element.
//
// Momentum of projected guidance keeps a running average beside the latents, in float32 whatever the network's type
// is, by a launch of its own before that of the reductions: it splits, and they do not.
//
// # Noise
//
// Noise is a pure function of (seed, draw, element), see [Normals]. It does not depend on the
// batch, on the position in it, on threads or on the machine.
//
// # Concurrency
//
// A device may be used by many goroutines at once. A [sampler.Program] is used by one goroutine; it
// spreads its own work over the device's threads. Programs of one device may run side by side.
// Buffers of a Program belong to it: the Model reads In and T and writes Out between Next and Step,
// and nobody touches them during Step.
//
// # Errors
//
// A GPU that fails is a *[cuda.Error]; its text says what to do, and after a failure that loses the
// device every later call matches [cuda.ErrContextLost].
//
// Requests that cannot be bound, rows that do not exist and slices of the wrong length are a
// *[sampler.RequestError] or a *[sampler.PlanError]; a closed Program returns [sampler.ErrClosed].
package gpu
