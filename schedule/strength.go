package schedule

import "math"

// checkStrength refuses a Grid.Strength that is no share, and one beside explicit noise levels.
func (g Grid) checkStrength() error {
	if !(g.Strength >= 0 && g.Strength <= 1) {
		return &Error{Field: "strength", Value: g.Strength, Want: "a number above 0, at most 1; 0 means 1"}
	}
	if g.partial() && len(g.Sigmas) > 0 {
		return &Error{Field: "strength", Value: g.Strength, Want: "none with explicit sigmas: they say where to start"}
	}
	return nil
}

// partial tells whether the grid starts later than at the noisiest level.
func (g Grid) partial() bool { return g.Strength != 0 && g.Strength != 1 }

// shorten scales timesteps by the strength: as many as before, from Strength times the first.
func (g Grid) shorten(ts []float64) []float64 {
	if !g.partial() {
		return ts
	}
	out := make([]float64, len(ts))
	for i, t := range ts {
		out[i] = g.Strength * t
	}
	return out
}

// start is the noise level at Strength times the timestep of level hi, where a curve from hi starts.
func (g Grid) start(noise *Noise, hi float64) float64 {
	if !g.partial() {
		return hi
	}
	return math.Min(hi, noise.LogSigmaAt(g.Strength*noise.TimestepAt(hi)))
}

// compress brings the levels of a curve with a shape of its own below the first of the grid's strength. With lo the
// level of timestep 0, hi the curve's first level and hi' the grid's, each ln(s/lo) is scaled by
// ln(hi'/lo)/ln(hi/lo): levels that fall still do, and those above lo stay above it.
func (g Grid) compress(noise *Noise, levels []float64) ([]float64, error) {
	if !g.partial() {
		return levels, nil
	}
	lo, hi := noise.SigmaAt(0), levels[0]
	to := g.start(noise, hi)
	if !(to > lo && hi > lo) {
		return nil, &Error{Field: "strength", Value: g.Strength, Want: "one that starts above the level of timestep 0"}
	}
	scale := math.Log(to/lo) / math.Log(hi/lo)
	out := []float64{to}
	for _, s := range levels[1:] {
		out = append(out, lo*math.Exp(scale*math.Log(s/lo)))
	}
	return out, nil
}
