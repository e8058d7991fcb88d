package schedule

import (
	"fmt"
	"math"
)

// Spacing says how n timesteps are chosen among T (Lin et al. 2023, arXiv:2305.08891, Table 2).
type Spacing int

// The spacings. The zero value is Leading, the default of DDPM and DDIM in diffusers.
const (
	Leading   Spacing = iota // i*(T/n) in integer division, plus the offset: misses the noisy end
	Trailing                 // T - i*T/n - 1: reaches the noisy end; best with few steps
	Linspace                 // evenly from 0 to T-1, rounded
	Truncated                // the textbook's linspace(0, T-1, n), truncated to integers
)

var spacingNames = [...]string{"leading", "trailing", "linspace", "truncated"}

// String returns leading, trailing, linspace or truncated.
func (s Spacing) String() string {
	if s < 0 || int(s) >= len(spacingNames) {
		return fmt.Sprintf("Spacing(%d)", int(s))
	}
	return spacingNames[s]
}

// ParseSpacing is the inverse of String.
func ParseSpacing(name string) (Spacing, error) {
	for i, n := range spacingNames {
		if n == name {
			return Spacing(i), nil
		}
	}
	return 0, &Error{Field: "timestep spacing", Value: fmt.Sprintf("%.40q", name),
		Want: "leading, trailing, linspace or truncated"}
}

// Steps describes a choice of timesteps.
type Steps struct {
	N       int     // how many, 1 to Train
	Train   int     // T, the number of training timesteps
	Spacing Spacing // how they are spread
	Offset  int     // added to each timestep of Leading (steps_offset; Stable Diffusion uses 1)
	Spare   bool    // spread N+1 of Linspace or Leading and drop the cleanest, as DPM-Solver does
	Real    bool    // keep the fractions of Linspace, as the Euler family does
	Last    int     // timesteps from Last on are left out (a clipped lambda); 0 means Train
}

// Timesteps returns the timesteps, the noisiest first, each within 0..Train-1.
func (s Steps) Timesteps() ([]float64, error) {
	if err := checkCount(s.Train); err != nil {
		return nil, err
	}
	if s.N < 1 || s.N > s.Train {
		return nil, &Error{Field: "steps", Value: s.N, Want: fmt.Sprintf("1 to %d", s.Train)}
	}
	last := s.Train
	if s.Last != 0 {
		last = s.Last
	}
	if last < 1 || last > s.Train {
		return nil, &Error{Field: "last timestep", Value: last, Want: fmt.Sprintf("1 to %d", s.Train)}
	}
	var ts []float64
	switch s.Spacing {
	case Leading:
		ts = s.leading(last)
	case Trailing:
		ts = s.trailing(last)
	case Linspace, Truncated:
		ts = s.linspace(last)
	default:
		return nil, &Error{Field: "timestep spacing", Value: int(s.Spacing), Want: "one of the constants"}
	}
	if t := ts[0]; t > float64(s.Train-1) {
		return nil, &Error{Field: "steps offset", Value: s.Offset,
			Want: fmt.Sprintf("one that keeps %v below %d", t, s.Train)}
	}
	if t := ts[len(ts)-1]; t < 0 {
		return nil, &Error{Field: "steps offset", Value: s.Offset, Want: "one that keeps timesteps at 0 or above"}
	}
	return ts, nil
}

func (s Steps) spread() int {
	if s.Spare {
		return s.N + 1
	}
	return s.N
}

// leading: ratio = last / n (integer); t = i*ratio + offset.
func (s Steps) leading(last int) []float64 {
	n := s.spread()
	ratio := last / n
	ts := make([]float64, s.N)
	for i := range ts {
		ts[i] = float64((n-1-i)*ratio + s.Offset)
	}
	return ts
}

// trailing: t = round(last - i*T/n) - 1, down to 0.
func (s Steps) trailing(last int) []float64 {
	ratio := float64(s.Train) / float64(s.N)
	n := min(int(math.Ceil(float64(last)/ratio)), s.N)
	ts := make([]float64, n)
	for i := range ts {
		ts[i] = math.RoundToEven(float64(last)-float64(i)*ratio) - 1
	}
	return ts
}

func (s Steps) linspace(last int) []float64 {
	up := linspace(0, float64(last-1), s.spread())
	ts := make([]float64, s.N)
	for i := range ts {
		t := up[len(up)-1-i]
		switch {
		case s.Spacing == Truncated:
			t = math.Trunc(t)
		case !s.Real:
			t = math.RoundToEven(t)
		}
		ts[i] = t
	}
	return ts
}
