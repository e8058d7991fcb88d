package schedule_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/schedule"
)

var strengths = []float64{0.01, 0.02, 0.1, 0.25, 0.3, 0.5, 0.75, 0.9, 0.999, 1}

// TestStrengthTimesteps: every spacing has as many points as without, each at its timestep times the strength, at
// the level between the training timesteps around it.
func TestStrengthTimesteps(t *testing.T) {
	noise := stableDiffusion(t, false)
	s := noise.Sigmas()
	for _, spacing := range []schedule.Spacing{schedule.Leading, schedule.Trailing, schedule.Linspace, schedule.Truncated} {
		for _, exploding := range []bool{false, true} {
			g := schedule.Grid{Noise: noise, Steps: 30, Spacing: spacing, Exploding: exploding}
			full, err := g.Points()
			require.NoError(t, err)
			for _, g.Strength = range strengths {
				pts, err := g.Points()
				require.NoError(t, err)
				require.Len(t, pts, 31)
				require.Equal(t, full[30], pts[30], "the end stays")
				for i, p := range pts[:30] {
					require.Equal(t, g.Strength*full[i].T, p.T)
					k := min(int(p.T), 998)
					want := s[k] + (p.T-float64(k))*(s[k+1]-s[k])
					require.InEpsilon(t, want, p.Sigma/p.Alpha, 1e-12, "%v %v", g.Strength, i)
				}
			}
			require.Equal(t, full, points(t, g), "strength 1 is the grid itself")
		}
	}
}

func points(t *testing.T, g schedule.Grid) []schedule.Point {
	t.Helper()
	pts, err := g.Points()
	require.NoError(t, err)
	return pts
}

// TestStrengthCurves: every curve has all its steps at every strength, falling from the level at strength times
// its first timestep, and strength 1 is the curve itself.
func TestStrengthCurves(t *testing.T) {
	noise := stableDiffusion(t, false)
	for _, curve := range schedule.Curves()[1:] {
		if curve == schedule.AYSVideoCurve {
			continue // starts above what this process has
		}
		for _, final := range []schedule.Final{schedule.FinalZero, schedule.FinalSigmaMin} {
			for _, steps := range []int{1, 2, 7, 20} {
				g := schedule.Grid{Noise: noise, Steps: steps, Curve: curve, Final: final}
				full := points(t, g)
				for _, g.Strength = range strengths {
					pts := points(t, g)
					require.Len(t, pts, steps+1)
					require.InEpsilon(t, noise.LogSigmaAt(g.Strength*full[0].T), level(pts[0]), 1e-3, "%v", curve)
					for i := range steps {
						require.Greater(t, level(pts[i]), level(pts[i+1]), "%v, strength %v, step %d", curve, g.Strength, i)
					}
				}
				require.Equal(t, full, points(t, g))
			}
		}
	}
	g := schedule.Grid{Noise: noise, Steps: 5, Curve: schedule.KarrasCurve, Strength: 0.5}
	want, err := schedule.Karras(5, noise.SigmaAt(0), noise.LogSigmaAt(999*0.5), 7)
	require.NoError(t, err)
	for i, p := range points(t, g)[:5] {
		require.InEpsilon(t, want[i], level(p), 1e-12)
	}
}

func level(p schedule.Point) float64 { return p.Sigma / p.Alpha }

// TestStrengthZeroSNR: a start between the last two timesteps is finite where the last has no signal.
func TestStrengthZeroSNR(t *testing.T) {
	g := schedule.Grid{Noise: stableDiffusion(t, true), Steps: 4, Spacing: schedule.Trailing, Strength: 0.9999}
	pts := points(t, g)
	require.Greater(t, pts[0].Alpha, 0.0)
	require.InDelta(t, 1, pts[0].Sigma, 1e-3)
	g.Strength = 1
	require.Zero(t, points(t, g)[0].Alpha)
}

// TestStrengthErrors: what is no share, and noise levels that say themselves where to start.
func TestStrengthErrors(t *testing.T) {
	noise := stableDiffusion(t, false)
	for _, g := range []schedule.Grid{{Strength: -0.1}, {Strength: 1.1}, {Strength: math.NaN()}, {Strength: math.Inf(1)},
		{Strength: 0.5, Sigmas: []float64{3, 1}}} {
		g.Noise, g.Steps = noise, 3
		_, err := g.Points()
		var e *schedule.Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, "strength", e.Field)
	}
}
