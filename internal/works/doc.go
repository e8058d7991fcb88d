// Package works holds fixed pieces of work for the CPU: one evaluation of the bundled network, steps of samplers, noise,
// and the kernels they are made of at a few shapes. Their instructions are counted and their share of the machine's peak
// is measured, by the programs in docs/bench.
package works
