package schedule

import (
	"fmt"
	"math"
)

// MaxTimesteps bounds the number of training timesteps that is accepted; published models use 1000.
const MaxTimesteps = 1 << 20

// linspace returns n values from a to b inclusive; n 1 gives a.
func linspace(a, b float64, n int) []float64 {
	v := make([]float64, n)
	for i := range v {
		if n == 1 {
			v[i] = a
			continue
		}
		v[i] = a + float64(i)*((b-a)/float64(n-1))
	}
	if n > 1 {
		v[n-1] = b
	}
	return v
}

// Linear returns n betas evenly spaced from start to end (Ho et al. 2020, arXiv:2006.11239: 1e-4, 0.02).
func Linear(n int, start, end float64) ([]float64, error) {
	if err := checkBetaRange(n, start, end); err != nil {
		return nil, err
	}
	return linspace(start, end, n), nil
}

// ScaledLinear returns n betas whose square roots are evenly spaced, as latent diffusion models use
// them (Rombach et al. 2021, arXiv:2112.10752: 0.00085, 0.012).
func ScaledLinear(n int, start, end float64) ([]float64, error) {
	if err := checkBetaRange(n, start, end); err != nil {
		return nil, err
	}
	b := linspace(math.Sqrt(start), math.Sqrt(end), n)
	for i, v := range b {
		b[i] = v * v
	}
	return b, nil
}

// Sigmoid returns n betas along a logistic curve from -6 to 6, scaled to start..end (GeoDiff,
// Xu et al. 2022, arXiv:2203.02923).
func Sigmoid(n int, start, end float64) ([]float64, error) {
	if err := checkBetaRange(n, start, end); err != nil {
		return nil, err
	}
	b := linspace(-6, 6, n)
	for i, v := range b {
		b[i] = (end-start)/(1+math.Exp(-v)) + start
	}
	return b, nil
}

// SquaredCosCapV2 returns n betas of the cosine schedule of Nichol and Dhariwal 2021, arXiv:2102.09672:
//
//	beta[i] = min(1 - f((i+1)/n)/f(i/n), 0.999),  f(u) = cos((u+0.008)/1.008 * pi/2)^2
func SquaredCosCapV2(n int) ([]float64, error) {
	if err := checkCount(n); err != nil {
		return nil, err
	}
	f := func(u float64) float64 {
		c := math.Cos((u + 0.008) / 1.008 * math.Pi / 2)
		return c * c
	}
	b := make([]float64, n)
	for i := range b {
		b[i] = math.Min(1-f(float64(i+1)/float64(n))/f(float64(i)/float64(n)), 0.999)
	}
	return b, nil
}

// Betas returns the betas of a schedule by its name in diffusers: linear, scaled_linear,
// squaredcos_cap_v2 (which ignores start and end) or sigmoid.
func Betas(name string, n int, start, end float64) ([]float64, error) {
	switch name {
	case "linear":
		return Linear(n, start, end)
	case "scaled_linear":
		return ScaledLinear(n, start, end)
	case "squaredcos_cap_v2":
		return SquaredCosCapV2(n)
	case "sigmoid":
		return Sigmoid(n, start, end)
	}
	return nil, &Error{Field: "beta schedule", Value: fmt.Sprintf("%.40q", name),
		Want: "linear, scaled_linear, squaredcos_cap_v2 or sigmoid"}
}

// RescaleZeroTerminalSNR shifts and scales sqrt(alpha-bar) so that the last timestep holds no signal and
// the first is unchanged (Lin et al. 2023, arXiv:2305.08891, Algorithm 1). The last beta becomes 1.
func RescaleZeroTerminalSNR(betas []float64) ([]float64, error) {
	n, err := New(betas)
	if err != nil {
		return nil, err
	}
	root := make([]float64, len(betas))
	for t := range root {
		root[t] = math.Sqrt(n.AlphaBar(t))
	}
	first, last := root[0], root[len(root)-1]
	if first <= last {
		return nil, &Error{Field: "betas", Value: len(betas), Want: "at least two, so that the SNR falls"}
	}
	for t := range root {
		root[t] = (root[t] - last) * (first / (first - last))
	}
	out := make([]float64, len(betas))
	prev := 1.0
	for t, r := range root {
		out[t] = 1 - r*r/prev
		prev = r * r
	}
	return out, nil
}

func checkCount(n int) error {
	if n < 1 || n > MaxTimesteps {
		return &Error{Field: "training timesteps", Value: n, Want: fmt.Sprintf("1 to %d", MaxTimesteps)}
	}
	return nil
}

func checkBetaRange(n int, start, end float64) error {
	if err := checkCount(n); err != nil {
		return err
	}
	if !(start > 0 && start < 1) {
		return &Error{Field: "beta start", Value: start, Want: "a number between 0 and 1"}
	}
	if !(end >= start && end < 1) {
		return &Error{Field: "beta end", Value: end, Want: "a number between beta start and 1"}
	}
	return nil
}
