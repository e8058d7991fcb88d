// Package table executes plans in float64, for tests: the definition of a stage in a few lines, with no
// device and no rounding to float32.
package table

import (
	"math"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// Network is a network of one sample at timestep t; x is already scaled by c_in.
type Network func(x []float64, t float64) []float64

// Noise returns a noise draw; draw 0 is the initial noise.
type Noise func(draw int) []float64

// Run executes p and returns the sample after each final stage.
func Run(p *sampler.Plan, net Network, noise Noise) [][]float64 {
	x := scale(noise(0), p.Init)
	return RunFrom(p, x, net, noise)
}

// RunFrom is Run from the sample x.
func RunFrom(p *sampler.Plan, x []float64, net Network, noise Noise) [][]float64 {
	var regs [sampler.Registers][]float64 // x, base, d, raw, unc, h0..h3, n0, n1
	regs[0], regs[1] = x, x
	var steps [][]float64
	for i := range p.Stages {
		st := &p.Stages[i]
		regs[2], regs[3], regs[4] = nil, nil, nil
		if st.Eval {
			out := net(scale(regs[0], st.At.In), st.At.T)
			raw, d := make([]float64, len(x)), make([]float64, len(x))
			for j := range raw {
				raw[j] = st.From.Skip*regs[0][j] + st.From.Out*out[j]
				d[j] = raw[j]
				if st.Clip > 0 {
					d[j] = math.Max(-st.Clip, math.Min(st.Clip, d[j]))
				}
			}
			regs[2], regs[3], regs[4] = d, raw, raw
		}
		for k, id := range st.Draws {
			if regs[9+k] = nil; id > 0 {
				regs[9+k] = noise(id)
			}
		}
		next, base, push := row(st.X, regs, len(x)), regs[1], []float64(nil)
		if st.Base != nil {
			base = row(*st.Base, regs, len(x))
		}
		if st.Push != nil {
			push = row(*st.Push, regs, len(x))
		}
		regs[0], regs[1] = next, base
		if st.Push != nil {
			regs[5+st.Slot] = push
		}
		if st.Final {
			steps = append(steps, next)
		}
	}
	return steps
}

func row(r sampler.Row, regs [sampler.Registers][]float64, n int) []float64 {
	y := make([]float64, n)
	for k, c := range r.Coefficients() {
		if c == 0 {
			continue // the register may hold anything, or nothing
		}
		for j := range y {
			y[j] += c * regs[k][j]
		}
	}
	return y
}

func scale(x []float64, c float64) []float64 {
	y := make([]float64, len(x))
	for i, v := range x {
		y[i] = c * v
	}
	return y
}
