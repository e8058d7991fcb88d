package schedule

import (
	"fmt"
	"math"
)

// FlowTimes returns n flow times from 1 down to 1/n, evenly, without the final 0: those that the pipelines of Flux
// and Stable Diffusion 3 hand to diffusers' FlowMatchEulerDiscreteScheduler before the shift.
func FlowTimes(n int) ([]float64, error) {
	if n < 1 || n > MaxTimesteps {
		return nil, &Error{Field: "steps", Value: n, Want: fmt.Sprintf("1 to %d", MaxTimesteps)}
	}
	return linspace(1, 1/float64(n), n), nil
}

// FlowShift maps flow times s in [0, 1] to shift*s/(1+(shift-1)*s) (Esser et al. 2024, arXiv:2403.03206,
// equation 23), in place.
func FlowShift(s []float64, shift float64) {
	for i, v := range s {
		s[i] = shift * v / (1 + (shift-1)*v)
	}
}

// FlowMu is the line by which Flux chooses its dynamic shift from the number of image tokens (calculate_shift of
// diffusers). The zero value is Flux's own: 0.5 at 256 tokens, 1.15 at 4096.
type FlowMu struct {
	BaseTokens, MaxTokens int
	BaseShift, MaxShift   float64
}

// At returns mu for a number of tokens. The shift of [FlowShift] is e^mu, or mu where the model's time_shift_type
// is linear.
func (m FlowMu) At(tokens int) (float64, error) {
	if m == (FlowMu{}) {
		m = FlowMu{BaseTokens: 256, MaxTokens: 4096, BaseShift: 0.5, MaxShift: 1.15}
	}
	if tokens < 1 {
		return 0, &Error{Field: "image tokens", Value: tokens, Want: "at least 1"}
	}
	if m.BaseTokens < 1 || m.MaxTokens <= m.BaseTokens {
		return 0, &Error{Field: "tokens of the dynamic shift", Value: fmt.Sprint(m.BaseTokens, ", ", m.MaxTokens),
			Want: "two rising numbers"}
	}
	slope := (m.MaxShift - m.BaseShift) / (float64(m.MaxTokens) - float64(m.BaseTokens))
	mu := m.BaseShift + slope*(float64(tokens)-float64(m.BaseTokens))
	if math.IsNaN(mu) || math.IsInf(mu, 0) {
		return 0, &Error{Field: "dynamic shift", Value: mu, Want: "a finite number"}
	}
	return mu, nil
}

// FlowStretch scales the distances of falling flow times from 1 so that the last becomes end, in place
// (shift_terminal of diffusers, after LTX-Video). The last time must not be 1: more than one step.
func FlowStretch(s []float64, end float64) error {
	if !(end > 0 && end < 1) {
		return &Error{Field: "terminal flow time", Value: end, Want: "a number between 0 and 1"}
	}
	if len(s) == 0 || !(s[len(s)-1] < 1) {
		return &Error{Field: "flow times", Value: len(s), Want: "times that fall below 1"}
	}
	scale := (1 - end) / (1 - s[len(s)-1])
	for i, v := range s {
		s[i] = 1 - (1-v)*scale
	}
	return nil
}
