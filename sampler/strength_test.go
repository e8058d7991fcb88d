package sampler_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestStrengthKeepsSteps: at every strength every sampler has the steps and evaluations of the whole grid, starts
// at the strength's level, and with strength 1 is the plan without.
func TestStrengthKeepsSteps(t *testing.T) {
	for _, name := range sampler.Names() {
		e, err := sampler.Lookup(name)
		require.NoError(t, err)
		for _, curve := range []schedule.Curve{schedule.ByTimestep, schedule.KarrasCurve, schedule.SGMUniformCurve,
			schedule.LinearQuadraticCurve} {
			if curve != schedule.ByTimestep && (name == "lcm" || name == "tcd") {
				continue // they have their own timesteps
			}
			g := grid(t, 20, curve)
			whole, err := e.Plan(g, schedule.Epsilon, sampler.Params{})
			require.NoError(t, err)
			for _, g.Strength = range []float64{0.01, 0.05, 0.3, 0.5, 0.8, 0.99, 1} {
				p, err := e.Plan(g, schedule.Epsilon, sampler.Params{})
				require.NoError(t, err, "%s %v, strength %v", name, curve, g.Strength)
				require.Equal(t, whole.Steps(), p.Steps(), "%s %v, strength %v", name, curve, g.Strength)
				if name != "restart" { // its intervals are noise levels, which the grid may not reach
					require.Equal(t, whole.Evaluations(), p.Evaluations(), "%s %v, strength %v", name, curve, g.Strength)
				}
				if whole.Stages[0].At.T < 500 { // an inversion starts at the other end
					continue
				}
				want := g.Noise.LogSigmaAt(g.Strength * whole.Stages[0].At.T)
				at := p.Stages[0].At
				if name == "lcm" || name == "tcd" { // the nearest of their own 50 timesteps
					require.InDelta(t, g.Strength*whole.Stages[0].At.T, at.T, 20)
					continue
				}
				require.InEpsilon(t, want, at.Sigma/at.Alpha, 0.01, "%s %v, strength %v", name, curve, g.Strength)
			}
			same, err := e.Plan(g, schedule.Epsilon, sampler.Params{})
			require.NoError(t, err)
			require.Equal(t, whole, same)
		}
	}
}

// TestStrengthOfLCM: diffusers' get_timesteps of an LCMScheduler with strength 0.5, 4 steps of 50 original ones;
// with too few of those, fractions of the plain grid's timesteps.
func TestStrengthOfLCM(t *testing.T) {
	e, err := sampler.Lookup("lcm")
	require.NoError(t, err)
	g := grid(t, 4, schedule.ByTimestep)
	timesteps := func() (ts []float64) {
		pts, err := e.Points(g, sampler.Params{})
		require.NoError(t, err)
		for _, p := range pts[:len(pts)-1] {
			ts = append(ts, p.T)
		}
		return ts
	}
	g.Strength = 0.5
	require.Equal(t, []float64{499, 379, 259, 139}, timesteps())
	plain := []float64{999, 759, 499, 259}
	g.Strength = 1
	require.Equal(t, plain, timesteps())
	g.Strength = 0.0625 // int(50*0.0625) is 3
	require.Equal(t, []float64{62.4375, 47.4375, 31.1875, 16.1875}, timesteps())
}
