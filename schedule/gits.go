package schedule

import (
	"fmt"
	"math"
)

// GITSCoefficient is the usual one of [GITS].
const GITSCoefficient = 1.2

// GITS returns n levels of Chen et al. 2024, "On the Trajectory Regularity of ODE-based Diffusion Sampling"
// (arXiv:2405.11326), section 4: time steps found by dynamic programming along the trajectories of Stable
// Diffusion 1. The coefficient, 0.80 to 1.50 in steps of 0.05, says how an error at high noise weighs against
// one at low: a larger one has more steps at low noise. In place of the last level of a table, 0.029, samplers
// have the final one. The tables have 2 to 20 steps; more interpolate ln(s) of that of 20 linearly, as ComfyUI
// does, and one step is the first level.
func GITS(n int, coefficient float64) ([]float64, error) {
	k := math.Round((coefficient - 0.8) / 0.05)
	if !(math.Abs(coefficient-(0.8+0.05*k)) < 1e-6) || k < 0 || int(k) >= len(gitsTables) {
		return nil, &Error{Field: "gits coefficient", Value: coefficient, Want: "0.80 to 1.50 in steps of 0.05"}
	}
	if n < 1 || n > MaxTimesteps {
		return nil, &Error{Field: "steps", Value: n, Want: fmt.Sprintf("1 to %d", MaxTimesteps)}
	}
	tables := &gitsTables[int(k)]
	t := []float64{gitsLevels[0]}
	for _, i := range tables[min(max(n, 2), len(tables)+1)-2] {
		t = append(t, gitsLevels[i])
	}
	t = append(t, gitsLevels[len(gitsLevels)-1])
	return spreadTable(t, n), nil
}

// spreadTable returns n levels of a table without its last, at even places; those between two of its levels are
// interpolated linearly in ln(s).
func spreadTable(t []float64, n int) []float64 {
	intervals := len(t) - 1
	v := make([]float64, n)
	for i := range v {
		k, rest := i*intervals/n, i*intervals%n
		if v[i] = t[k]; rest != 0 {
			w := float64(rest) / float64(n)
			v[i] = math.Exp((1-w)*math.Log(t[k]) + w*math.Log(t[k+1]))
		}
	}
	return v
}
