// Package diffusers reads the scheduler_config.json of the diffusers library and compiles it, with the
// arguments of set_timesteps() and step(), to the same sampler: trajectories agree with the library's
// float64 arithmetic to 1e-9. Where diffusers has a quirk, this package has it too and says so; package
// sampler by itself does the right thing by default.
//
// Supported classes: DDPMScheduler, DDIMScheduler, DPMSolverMultistepScheduler, LCMScheduler,
// EulerDiscreteScheduler, EulerAncestralDiscreteScheduler and HeunDiscreteScheduler. Dynamic thresholding
// and learned variance are refused with an error that names them.
package diffusers
