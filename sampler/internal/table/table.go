// Package table executes plans in float64, for tests: the definition of a stage in a few lines, with no
// device and no rounding to float32. Of the reductions it knows thresholds, over the whole sample.
package table

import (
	"math"
	"slices"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// Network is a network of one sample at timestep t; x is already scaled by c_in. Behind the prediction it may put
// as many numbers of a variance.
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
		var out []float64
		if st.Eval {
			out = net(scale(regs[0], st.At.In), st.At.T)
			raw, d := make([]float64, len(x)), make([]float64, len(x))
			for j := range raw {
				raw[j] = st.From.Skip*regs[0][j] + st.From.Out*out[j]
				d[j] = raw[j]
			}
			limit(d, st.Clip, p.Threshold)
			regs[2], regs[3], regs[4] = d, raw, raw
		}
		for k, id := range st.Draws {
			if regs[9+k] = nil; id > 0 {
				regs[9+k] = noise(id)
			}
		}
		if l := st.Learned; l != nil {
			regs[9] = learned(l, out[len(x):], regs[9])
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

// learned scales noise by the network's variance.
func learned(l *sampler.Learned, v, noise []float64) []float64 {
	n := make([]float64, len(noise))
	for i := range n {
		std := math.Exp(l.Bias + l.Gain*v[i])
		if l.Root {
			std = math.Sqrt(math.Max(v[i], 0))
		}
		n[i] = std * noise[i]
	}
	return n
}

// limit clips d, statically or to its own quantile (linear between order statistics, as torch.quantile).
func limit(d []float64, clip float64, th *sampler.Threshold) {
	by := 1.0
	if th != nil {
		sorted := make([]float64, len(d))
		for i, v := range d {
			sorted[i] = math.Abs(v)
		}
		slices.Sort(sorted)
		at := th.Quantile * float64(len(d)-1)
		lo := sorted[int(at)]
		hi := sorted[min(int(at)+1, len(d)-1)]
		clip = math.Min(math.Max(lo+(at-math.Floor(at))*(hi-lo), 1), th.Max)
		by = clip
	}
	if clip == 0 {
		return
	}
	for i, v := range d {
		d[i] = math.Max(-clip, math.Min(clip, v)) / by
	}
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
