package gputest

import (
	"math"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// Net is a network on one sample: it fills out from in at timestep t. The conditions of [Requests]
// are ints.
type Net func(cond sampler.Cond, t float32, in, out []float32)

// Lattice is a net with exact small numbers that differ between elements, conditions and timesteps
// and keep samples of any plan bounded when the coefficients are.
func Lattice(cond sampler.Cond, t float32, in, out []float32) {
	c, _ := cond.(int)
	for i, v := range in {
		p := float32((i*37+c*11)%257-128) / 128
		out[i] = float32(0.5*v) + float32(p*float32(1+t/1024))
	}
}

// Variance is what each of these nets predicts beside out: from it, other numbers for other conditions and timesteps,
// most of them between -1 and 1, some larger than an exponential holds, some not numbers.
func Variance(cond sampler.Cond, t float32, out, v []float32) {
	c, _ := cond.(int)
	for i, x := range out {
		p := float32((i*41+c*17+int(t)*3)%129-64) / 64
		v[i] = float32(p + float32(0.125*x))
		if i%31 == 7 {
			v[i] = float32(256 * p)
		}
	}
}

// Specials is [Lattice] with NaN, infinities, zeros of both signs, denormal and huge numbers at
// some elements.
func Specials(cond sampler.Cond, t float32, in, out []float32) {
	Lattice(cond, t, in, out)
	inf := float32(math.Inf(1))
	values := []float32{float32(math.NaN()), inf, -inf, 0, float32(math.Copysign(0, -1)), 1e-45, -1e-45,
		math.MaxFloat32, -math.MaxFloat32, 1e-38, 1, -1}
	c, _ := cond.(int)
	for i := c % 3; i < len(out); i += 5 {
		out[i] = values[(i/5+c)%len(values)]
	}
}

// Tiny is a net whose outputs and their squares underflow: zeros of both signs and denormal numbers
// beside small ones.
func Tiny(cond sampler.Cond, t float32, in, out []float32) {
	values := []float32{0, float32(math.Copysign(0, -1)), 1e-45, -1e-45, 1e-38, -3e-39, 1e-20, -1e-22, 1e-19}
	c, _ := cond.(int)
	for i := range out {
		out[i] = values[(i*5+c)%len(values)]
	}
}

// Zero is a net without deviation: zeros whose sign is that of the condition.
func Zero(cond sampler.Cond, t float32, in, out []float32) {
	c, _ := cond.(int)
	for i := range out {
		out[i] = float32(math.Copysign(0, float64(c%2)-0.5))
	}
}

// Pattern returns n values that look random and are exact in float32: i*mul mod mod, centred, times
// 1/32.
func Pattern(n, mul, mod int) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = float32(i*mul%mod-mod/2) / 32
	}
	return s
}
