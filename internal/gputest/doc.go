// Package gputest is test machinery for devices: a naive reference of the fused update, a network
// that is a formula, hand-made and random plans, and a runner that records every stage.
//
// The reference shares no code with any device, so that a device which agrees with it bit for bit
// does what the formulas of package sampler say.
package gputest
