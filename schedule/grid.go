package schedule

import (
	"fmt"
	"math"
)

// Final is where a grid ends.
type Final int

// The ends. The zero value is the clean sample.
const (
	FinalZero     Final = iota // sigma 0
	FinalSigmaMin              // the level of timestep 0
)

// Grid describes the points at which a sampler evaluates the network. The zero values of all but Noise and
// Steps are useful.
type Grid struct {
	Noise     *Noise
	Steps     int
	Timesteps []float64 // explicit timesteps, falling, in place of Steps and Spacing
	Sigmas    []float64 // explicit noise levels, falling, a last 0 may be left out; in place of Steps and the curve
	Spacing   Spacing
	Offset    int // see [Steps]
	Curve     Curve
	Final     Final
	Exploding bool    // hold the sample in k-diffusion's scale (see [VE])
	SigmaMin  float64 // of a curve; 0 means the level of timestep 0
	SigmaMax  float64 // of a curve; 0 means the level of timestep T-1
	Rho       float64 // exponent of a curve, 0 means 7 for karras and 1 for polyexponential; the coefficient of gits, 0 means 1.2

	// Strength, above 0 and at most 1, is the share of the timesteps that the grid spans, for an image to start from.
	// All steps are made: timesteps, also those that curves are made of, are scaled by it, and other curves go down
	// from the noise level of the scaled first timestep. 0 means 1.
	Strength float64
}

// Points returns the points of the grid, noisiest first, the final one included.
func (g Grid) Points() ([]Point, error) {
	if g.Noise == nil {
		return nil, &Error{Field: "noise", Value: "nil", Want: "a forward process"}
	}
	if err := g.checkStrength(); err != nil {
		return nil, err
	}
	var ts []float64
	if len(g.Sigmas) == 0 {
		var err error
		if ts, err = g.timesteps(); err != nil {
			return nil, err
		}
		ts = g.shorten(ts)
	}
	// Integer timesteps of a variance-preserving grid are exact table entries, zero SNR included.
	if g.Curve == ByTimestep && !g.Exploding && len(g.Sigmas) == 0 {
		pts := make([]Point, 0, len(ts)+1)
		for _, t := range ts {
			pts = append(pts, g.at(t))
		}
		return append(pts, g.end()), nil
	}
	noise := g.Noise.WithTerminalFloor()
	ts, levels, err := g.levels(noise, ts)
	if err != nil {
		return nil, err
	}
	point := VP
	if g.Exploding {
		point = VE
	}
	pts := make([]Point, 0, len(levels)+1)
	for i, s := range levels {
		pts = append(pts, point(ts[i], s))
	}
	if g.Final == FinalSigmaMin {
		return append(pts, point(0, noise.SigmaAt(0))), nil
	}
	return append(pts, point(0, 0)), nil
}

func (g Grid) timesteps() ([]float64, error) {
	last := float64(g.Noise.Timesteps() - 1)
	for i, t := range g.Timesteps {
		if !(t >= 0 && t <= last) || i > 0 && !(t < g.Timesteps[i-1]) {
			return nil, &Error{Field: fmt.Sprintf("timestep %d", i), Value: t,
				Want: fmt.Sprintf("falling values from %v to 0", last)}
		}
	}
	if len(g.Timesteps) > 0 {
		if g.Curve != ByTimestep {
			return nil, &Error{Field: "timesteps", Value: len(g.Timesteps),
				Want: "none with schedule type " + g.Curve.String()}
		}
		return g.Timesteps, nil
	}
	if g.Curve != ByTimestep {
		if T := g.Noise.Timesteps(); g.Steps < 1 || g.Steps > T {
			return nil, &Error{Field: "steps", Value: g.Steps, Want: fmt.Sprintf("1 to %d", T)}
		}
		return make([]float64, g.Steps), nil // filled in by levels
	}
	return Steps{N: g.Steps, Train: g.Noise.Timesteps(), Spacing: g.Spacing, Offset: g.Offset,
		Spare: g.spare()}.Timesteps()
}

// spare: a grid that ends at the level of timestep 0 must not evaluate there as well.
func (g Grid) spare() bool {
	return g.Final == FinalSigmaMin && g.Spacing != Trailing && g.Steps < g.Noise.Timesteps()
}

// at returns the variance-preserving point of a real timestep.
func (g Grid) at(t float64) Point {
	if t == math.Trunc(t) {
		return g.Noise.Point(int(t))
	}
	if s := g.Noise.SigmaAt(t); !math.IsInf(s, 0) {
		return VP(t, s)
	}
	return VP(t, g.Noise.WithTerminalFloor().SigmaAt(t)) // just before the end of zero SNR
}

func (g Grid) end() Point {
	if g.Final == FinalSigmaMin {
		return g.Noise.Point(0)
	}
	return g.Noise.Point(-1)
}

// levels returns timesteps and their noise levels without the final one; ts are those of ByTimestep.
func (g Grid) levels(noise *Noise, ts []float64) (out, levels []float64, err error) {
	if len(g.Sigmas) > 0 {
		return g.custom(noise)
	}
	if g.Curve == ByTimestep {
		for _, t := range ts {
			levels = append(levels, noise.SigmaAt(t))
		}
		return ts, levels, nil
	}
	if err := g.unused(); err != nil {
		return nil, nil, err
	}
	bottom := 0.0
	if g.Final == FinalSigmaMin {
		bottom = noise.SigmaAt(0)
	}
	out, ok, err := g.Curve.timesteps(len(ts), noise.Timesteps(), g.Final)
	if err != nil {
		return nil, nil, err
	}
	out = g.shorten(out)
	for _, t := range out {
		levels = append(levels, noise.LogSigmaAt(t))
	}
	if !ok {
		if out, levels, err = g.between(noise, len(ts)); err != nil {
			return nil, nil, err
		}
	}
	if last := levels[len(levels)-1]; last <= bottom {
		return nil, nil, &Error{Field: "steps", Value: g.Steps,
			Want: fmt.Sprintf("fewer: schedule type %v reaches the final noise level %v before the last step", g.Curve, bottom)}
	}
	return out, levels, checkFalling(levels)
}

// between returns n levels of a curve between two noise levels, and their timesteps.
func (g Grid) between(noise *Noise, n int) (ts, levels []float64, err error) {
	lo, hi := g.SigmaMin, g.SigmaMax
	if lo == 0 {
		lo = noise.SigmaAt(0)
	}
	if hi == 0 {
		hi = noise.SigmaAt(float64(noise.Timesteps() - 1))
	}
	own := g.Curve >= LinearQuadraticCurve // it is stretched as a whole
	if !own {
		hi = g.start(noise, hi)
	}
	if levels, err = g.Curve.levels(n, g.Final, lo, hi, g.Rho); err == nil && own {
		levels, err = g.compress(noise, levels)
	}
	if err != nil {
		return nil, nil, err
	}
	for _, s := range levels {
		ts = append(ts, noise.TimestepAt(s))
	}
	return ts, levels, nil
}
