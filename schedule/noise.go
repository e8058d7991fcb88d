package schedule

import (
	"fmt"
	"math"
	"sort"
)

// ZeroSNRAlphaBar replaces an alpha-bar of 0 at the last timestep where a sampler divides by alpha
// (sigma/alpha would be infinite). It is the smallest positive float16, as in the reference programs.
const ZeroSNRAlphaBar = 1.0 / (1 << 24)

// Noise is a discrete forward process: alpha-bar for each training timestep. It is immutable and may be
// used by any number of goroutines.
type Noise struct {
	alphaBar []float64
	sigmas   []float64 // sigma/alpha by timestep, increasing
	logs     []float64 // their logarithms
}

// New makes a forward process of explicit betas, one for each training timestep, each within (0, 1]; a
// beta of 1 (no signal left) is allowed in the last place only.
func New(betas []float64) (*Noise, error) {
	if err := checkCount(len(betas)); err != nil {
		return nil, err
	}
	bar := make([]float64, len(betas))
	prod := 1.0
	for t, b := range betas {
		if !(b > 0 && (b < 1 || b == 1 && t == len(betas)-1)) {
			return nil, &Error{Field: fmt.Sprintf("beta[%d]", t), Value: b, Want: "a number between 0 and 1"}
		}
		prod *= 1 - b
		bar[t] = prod
	}
	if prod == 0 && betas[len(betas)-1] != 1 {
		return nil, &Error{Field: "betas", Value: len(betas), Want: "smaller ones: alpha-bar underflows to 0"}
	}
	return fromAlphaBar(bar), nil
}

func fromAlphaBar(bar []float64) *Noise {
	n := &Noise{alphaBar: bar, sigmas: make([]float64, len(bar)), logs: make([]float64, len(bar))}
	for t, a := range bar {
		n.sigmas[t] = math.Sqrt((1 - a) / a)
		n.logs[t] = math.Log(n.sigmas[t])
	}
	return n
}

// WithTerminalFloor returns n with [ZeroSNRAlphaBar] in place of an alpha-bar of 0 at the last timestep,
// for samplers that divide by alpha. Without zero terminal SNR it returns n itself.
func (n *Noise) WithTerminalFloor() *Noise {
	last := len(n.alphaBar) - 1
	if !n.ZeroTerminal() {
		return n
	}
	bar := append([]float64(nil), n.alphaBar...)
	bar[last] = ZeroSNRAlphaBar
	return fromAlphaBar(bar)
}

// ZeroTerminal reports whether no signal is left at the last timestep.
func (n *Noise) ZeroTerminal() bool { return n.alphaBar[len(n.alphaBar)-1] == 0 }

// Timesteps returns T, the number of training timesteps.
func (n *Noise) Timesteps() int { return len(n.alphaBar) }

// AlphaBar returns the product of (1-beta) up to and including timestep t; t below 0 gives 1 (clean), t
// past the end gives the last.
func (n *Noise) AlphaBar(t int) float64 {
	if t < 0 {
		return 1
	}
	return n.alphaBar[min(t, len(n.alphaBar)-1)]
}

// Lambda returns ln(alpha/sigma) at timestep t, the half-log-SNR of the DPM-Solver papers.
func (n *Noise) Lambda(t int) float64 { return n.LogSNR(t) / 2 }

// LogSNR returns log(alphabar) - log(1-alphabar) at timestep t, the textbook's quantity: twice Lambda.
func (n *Noise) LogSNR(t int) float64 {
	a := n.AlphaBar(t)
	return math.Log(a) - math.Log1p(-a)
}

// Point returns timestep t as a variance-preserving point. t below 0 is the clean end: alpha 1, sigma 0.
func (n *Noise) Point(t int) Point {
	a := n.AlphaBar(t)
	return Point{T: float64(t), Alpha: math.Sqrt(a), Sigma: math.Sqrt(1 - a), In: 1}
}

// Sigmas returns sigma/alpha for each timestep, increasing: the noise levels of k-diffusion.
func (n *Noise) Sigmas() []float64 { return append([]float64(nil), n.sigmas...) }

// SigmaAt returns sigma/alpha at a real timestep, linear between its neighbours and constant outside.
func (n *Noise) SigmaAt(t float64) float64 {
	last := len(n.sigmas) - 1
	if !(t > 0) {
		return n.sigmas[0]
	}
	if t >= float64(last) {
		return n.sigmas[last]
	}
	i := int(t)
	return n.sigmas[i] + (t-float64(i))*(n.sigmas[i+1]-n.sigmas[i])
}

// LogSigmaAt returns sigma/alpha at a real timestep, its logarithm linear between its neighbours and constant
// outside: the inverse of TimestepAt, and what k-diffusion's t_to_sigma and ComfyUI's sigma compute.
func (n *Noise) LogSigmaAt(t float64) float64 {
	last := len(n.logs) - 1
	if !(t > 0) {
		return n.sigmas[0]
	}
	i := int(math.Min(t, float64(last)))
	if f := t - float64(i); f > 0 && i < last {
		return math.Exp(n.logs[i] + f*(n.logs[i+1]-n.logs[i]))
	}
	return n.sigmas[i]
}

// TimestepAt returns the real timestep whose sigma/alpha is s, linear in ln(s) between timesteps and
// held to 0..T-1: the inverse that k-diffusion uses to tell the network where it is.
func (n *Noise) TimestepAt(s float64) float64 {
	if len(n.logs) == 1 {
		return 0
	}
	l := math.Log(math.Max(s, 1e-10))
	lo := sort.Search(len(n.logs), func(i int) bool { return n.logs[i] > l }) - 1
	lo = max(0, min(lo, len(n.logs)-2))
	w := (n.logs[lo] - l) / (n.logs[lo] - n.logs[lo+1])
	w = math.Max(0, math.Min(w, 1))
	return (1-w)*float64(lo) + w*float64(lo+1)
}
