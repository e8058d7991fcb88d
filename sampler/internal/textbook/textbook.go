// Package textbook is a direct float64 transcription of the samplers as textbooks define them, quirks
// included. It is the oracle that plans are tested against and shares no code with them.
package textbook

import "math"

// Schedule is the linear beta schedule; ABar[t] is the running product of 1-Beta.
type Schedule struct{ Beta, ABar []float64 }

// Linear returns T betas from b0 to b1.
func Linear(T int, b0, b1 float64) Schedule {
	var s Schedule
	prod := 1.0
	for t := range T {
		b := b0 + (b1-b0)*float64(t)/float64(T-1)
		prod *= 1 - b
		s.Beta, s.ABar = append(s.Beta, b), append(s.ABar, prod)
	}
	return s
}

// Epsilon is a network: the predicted noise at a timestep.
type Epsilon func(x []float64, t float64) []float64

// Guided combines a conditional and an unconditional network: (1+w)*cond - w*uncond.
func Guided(cond, uncond Epsilon, w float64) Epsilon {
	return func(x []float64, t float64) []float64 {
		c, u := cond(x, t), uncond(x, t)
		out := make([]float64, len(x))
		for i := range out {
			out[i] = (1+w)*c[i] - w*u[i]
		}
		return out
	}
}

// Timesteps is linspace(0, T-1, steps) truncated to integers, reversed.
func Timesteps(T, steps int) []int {
	ts := make([]int, steps)
	for i := range ts {
		ts[steps-1-i] = int(float64(i) * float64(T-1) / float64(steps-1))
	}
	return ts
}

// DDPM runs all T steps: mean = (x - beta/sqrt(1-abar)*eps)/sqrt(alpha); sigma = sqrt(beta), or the square
// root of the posterior variance; no noise at t = 0.
func DDPM(s Schedule, x []float64, eps Epsilon, noise func() []float64, posterior bool) []float64 {
	for t := len(s.Beta) - 1; t >= 0; t-- {
		e := eps(x, float64(t))
		next := make([]float64, len(x))
		for i := range next {
			next[i] = (x[i] - s.Beta[t]/math.Sqrt(1-s.ABar[t])*e[i]) / math.Sqrt(1-s.Beta[t])
		}
		if t > 0 {
			v := s.Beta[t]
			if posterior {
				v *= (1 - s.ABar[t-1]) / (1 - s.ABar[t])
			}
			n := noise()
			for i := range next {
				next[i] += math.Sqrt(v) * n[i]
			}
		}
		x = next
	}
	return x
}

// DDIM steps through Timesteps. The quirks: the last step has t_prev = 0, so abar_prev is abar[0] and not
// 1; x0 is clipped (limit > 0) but the direction keeps the network's epsilon.
func DDIM(s Schedule, x []float64, steps int, eta, limit float64, eps Epsilon, noise func() []float64) []float64 {
	ts := Timesteps(len(s.Beta), steps)
	for k, t := range ts {
		prev := 0
		if k+1 < len(ts) {
			prev = ts[k+1]
		}
		a, ap := s.ABar[t], s.ABar[prev]
		e := eps(x, float64(t))
		sigma := eta * math.Sqrt((1-ap)/(1-a)*(1-a/ap))
		var n []float64
		if eta > 0 {
			n = noise()
		}
		next := make([]float64, len(x))
		for i := range next {
			x0 := (x[i] - math.Sqrt(1-a)*e[i]) / math.Sqrt(a)
			if limit > 0 {
				x0 = math.Max(-limit, math.Min(limit, x0))
			}
			next[i] = math.Sqrt(ap)*x0 + math.Sqrt(1-ap-sigma*sigma)*e[i]
			if eta > 0 {
				next[i] += sigma * n[i]
			}
		}
		x = next
	}
	return x
}

// LogSNR is log(abar) - log(1-abar): twice the lambda of the DPM-Solver papers.
func (s Schedule) LogSNR(t int) float64 { return math.Log(s.ABar[t]) - math.Log(1-s.ABar[t]) }

// Grid returns steps+1 log-SNRs, evenly spaced from timestep T-1 to timestep 0.
func (s Schedule) Grid(steps int) []float64 {
	a, b := s.LogSNR(len(s.ABar)-1), s.LogSNR(0)
	g := make([]float64, steps+1)
	for i := range g {
		g[i] = a + (b-a)*float64(i)/float64(steps)
	}
	return g
}

// DPMSolver is the multistep noise-prediction solver over Grid: the first step is of first order, later
// ones use a cache of epsilons. at tells the timestep that the network is fed at a log-SNR.
func DPMSolver(s Schedule, x []float64, steps, order int, eps Epsilon, at func(logSNR float64) float64) []float64 {
	g := s.Grid(steps)
	var cache [][]float64 // newest last
	for k := range steps {
		alpha := func(l float64) float64 { return math.Sqrt(1 / (1 + math.Exp(-l))) }
		sigma := func(l float64) float64 { return math.Sqrt(1 / (1 + math.Exp(l))) }
		l := func(i int) float64 { return g[i] / 2 } // half the log-SNR
		h := l(k+1) - l(k)
		cache = append(cache, eps(x, at(g[k])))
		now := cache[len(cache)-1]
		next := make([]float64, len(x))
		for i := range next {
			next[i] = alpha(g[k+1])/alpha(g[k])*x[i] - sigma(g[k+1])*(math.Exp(h)-1)*now[i]
		}
		switch n := min(order, len(cache)); n {
		case 2:
			r0 := (l(k) - l(k-1)) / h
			for i := range next {
				d1 := (now[i] - cache[k-1][i]) / r0
				next[i] -= sigma(g[k+1]) * (math.Exp(h) - 1) / 2 * d1
			}
		case 3:
			r0, r1 := (l(k)-l(k-1))/h, (l(k-1)-l(k-2))/h
			for i := range next {
				d10, d11 := (now[i]-cache[k-1][i])/r0, (cache[k-1][i]-cache[k-2][i])/r1
				d1 := d10 + r0/(r0+r1)*(d10-d11)
				d2 := (d10 - d11) / (r0 + r1)
				next[i] -= sigma(g[k+1])*((math.Exp(h)-1)/h-1)*d1 +
					sigma(g[k+1])*((math.Exp(h)-1-h)/(h*h)-0.5)*d2
			}
		}
		x = next
	}
	return x
}
