package sampler

import (
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// Timesteps maps a noise level sigma/alpha to the timestep that the network is fed there, for samplers that
// evaluate between the points of the grid. [schedule.Noise.TimestepAt] is one.
type Timesteps func(level float64) float64

// at returns the point at a level between those of s and t, in the scale that they are in. Without f its
// timestep is interpolated in the logarithm of the level.
func (f Timesteps) at(l float64, s, t schedule.Point) schedule.Point {
	var time float64
	switch {
	case f != nil:
		time = f(l)
	case t.Sigma == 0:
		time = t.T + (s.T-t.T)*l/level(s)
	default:
		time = t.T + (s.T-t.T)*math.Log(l/level(t))/math.Log(level(s)/level(t))
	}
	switch {
	case s.Alpha == 1 && t.Alpha == 1:
		return schedule.VE(time, l)
	case math.Abs(s.Alpha+s.Sigma-1) < 1e-9 && math.Abs(t.Alpha+t.Sigma-1) < 1e-9:
		return schedule.Flow(time, l/(1+l))
	}
	return schedule.VP(time, l)
}

// middle is the point at the geometric mean of the two levels: half way in lambda.
func (f Timesteps) middle(s, t schedule.Point) schedule.Point {
	return f.at(math.Sqrt(level(s)*level(t)), s, t)
}

// scheduled is a sampler that leaves the points of the grid and asks the forward process about others.
type scheduled interface {
	withNoise(*schedule.Noise) Sampler
}

// timestepsOf returns n's, with a floor under a terminal alpha-bar of 0.
func timestepsOf(n *schedule.Noise) Timesteps { return n.WithTerminalFloor().TimestepAt }
