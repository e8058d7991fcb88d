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
	Spacing   Spacing
	Offset    int // see [Steps]
	Curve     Curve
	Final     Final
	Exploding bool    // hold the sample in k-diffusion's scale (see [VE])
	SigmaMin  float64 // of a curve; 0 means the level of timestep 0
	SigmaMax  float64 // of a curve; 0 means the level of timestep T-1
	Rho       float64 // exponent of a curve; 0 means 7 for karras and 1 for polyexponential
}

// Points returns the points of the grid, noisiest first, the final one included.
func (g Grid) Points() ([]Point, error) {
	if g.Noise == nil {
		return nil, &Error{Field: "noise", Value: "nil", Want: "a forward process"}
	}
	ts, err := g.timesteps()
	if err != nil {
		return nil, err
	}
	// Integer timesteps of a variance-preserving grid are exact table entries, zero SNR included.
	if g.Curve == ByTimestep && !g.Exploding {
		pts := make([]Point, 0, len(ts)+1)
		for _, t := range ts {
			pts = append(pts, g.at(t))
		}
		return append(pts, g.end()), nil
	}
	noise := g.Noise.WithTerminalFloor()
	levels, err := g.levels(noise, ts)
	if err != nil {
		return nil, err
	}
	point := VP
	if g.Exploding {
		point = VE
	}
	pts := make([]Point, 0, len(levels)+1)
	for i, s := range levels {
		t := noise.TimestepAt(s)
		if g.Curve == ByTimestep {
			t = ts[i]
		}
		pts = append(pts, point(t, s))
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
	return VP(t, g.Noise.SigmaAt(t))
}

func (g Grid) end() Point {
	if g.Final == FinalSigmaMin {
		return g.Noise.Point(0)
	}
	return g.Noise.Point(-1)
}

// levels returns a noise level for each of the timesteps ts.
func (g Grid) levels(noise *Noise, ts []float64) ([]float64, error) {
	if g.Curve == ByTimestep {
		v := make([]float64, len(ts))
		for i, t := range ts {
			v[i] = noise.SigmaAt(t)
		}
		return v, nil
	}
	lo, hi := g.SigmaMin, g.SigmaMax
	if lo == 0 {
		lo = noise.SigmaAt(0)
	}
	if hi == 0 {
		hi = noise.SigmaAt(float64(noise.Timesteps() - 1))
	}
	n := len(ts)
	if g.Final == FinalSigmaMin {
		n++ // the lowest level is the end, not an evaluation
	}
	v, err := g.Curve.levels(n, lo, hi, g.Rho)
	if err != nil {
		return nil, err
	}
	return v[:len(ts)], nil
}
