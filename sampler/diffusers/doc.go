// Package diffusers reads the scheduler_config.json of the diffusers library and compiles it, with the
// arguments of set_timesteps() and step(), to the same sampler: trajectories agree with the library's
// float64 arithmetic to 1e-9. Where diffusers has a quirk, this package has it too and says so; package
// sampler by itself does the right thing by default.
//
// [Classes] are those that are supported; another is refused with their names, and so is an option that is not
// supported in its class, or that contradicts another.
package diffusers
