package sampler_test

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/internal/table"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// Invariants that every sampler of the registry has, whatever its order.

// rises are those from data to noise, and mixes those of distilled networks, which blend the prediction with the sample by
// weights of their own (Song et al., 2023, arXiv:2303.01469, section 3), at the end too.
var rises, mixes = []string{"ddim_inverse", "dpmpp_2m_inverse"}, []string{"lcm", "consistency"}

func registered(t *testing.T, f func(name string, e sampler.Entry)) {
	for _, name := range sampler.Names() {
		if slices.Contains(rises, name) {
			continue
		}
		e, err := sampler.Lookup(name)
		require.NoError(t, err)
		f(name, e)
	}
}

// TestEndsAtThePrediction: a network that knows the clean sample leaves nothing else at sigma 0, whatever the noise and the
// number of steps.
func TestEndsAtThePrediction(t *testing.T) {
	n := linear(t, 1000)
	want := []float64{0.7, -1.3, 0}
	net := func([]float64, float64) []float64 { return want }
	noise := func(k int) []float64 {
		return []float64{math.Sin(float64(7*k + 1)), math.Cos(float64(5 * k)), math.Sin(float64(3*k) + 2)}
	}
	registered(t, func(name string, e sampler.Entry) {
		for _, steps := range []int{1, 2, 3, 5, 20, 50} {
			g := schedule.Grid{Noise: n, Steps: steps, Final: schedule.FinalZero}
			p, err := e.Plan(g, schedule.X0, sampler.Params{})
			require.NoError(t, err, name)
			pts, err := e.Points(g, sampler.Params{})
			require.NoError(t, err, name)
			tolerance := 1e-9
			if end := pts[len(pts)-1]; end.Sigma > 0 || slices.Contains(mixes, name) {
				tolerance = 5e-2 // what is left of the noise at the least level
			}
			got := last(table.Run(p, net, noise))
			for i := range want {
				require.InDelta(t, want[i], got[i], tolerance, "%s, %d steps, element %d", name, steps, i)
			}
		}
	})
}

// TestLinearNetwork: for data of one Gaussian of deviation s the network is linear in x and the probability flow has a closed
// form (Karras et al., 2022, arXiv:2206.00364): x keeps its quotient with the deviation sqrt(alpha^2 s^2 + sigma^2) of the
// noisy data. Deterministic samplers come near it, nearer with more steps, down to what is lost where a level between two
// timesteps becomes a timestep and back.
func TestLinearNetwork(t *testing.T) {
	const s = 0.6
	n := linear(t, 1000)
	net := func(x []float64, timestep float64) []float64 {
		p := schedule.VP(timestep, n.SigmaAt(timestep))
		factor := p.Alpha * s * s / (p.Alpha*p.Alpha*s*s + p.Sigma*p.Sigma)
		return []float64{factor * x[0]}
	}
	solved := 0
	registered(t, func(name string, e sampler.Entry) {
		distance := func(steps int) (float64, bool) {
			p, err := e.Plan(schedule.Grid{Noise: n, Steps: steps, Spacing: schedule.Linspace, Final: schedule.FinalZero}, schedule.X0, sampler.Params{})
			require.NoError(t, err, name)
			if p.Draws() > 0 {
				return 0, false
			}
			first := p.Stages[0].At
			x := p.Init * first.In // as variance preserving
			want := x * s / (first.In * math.Hypot(first.Alpha*s, first.Sigma))
			return math.Abs(last(table.Run(p, net, func(int) []float64 { return []float64{1} }))[0] - want), true
		}
		few, deterministic := distance(50)
		if !deterministic {
			return
		}
		many, _ := distance(200)
		t.Logf("%-28s %.2e at 50 steps, %.2e at 200", name, few, many)
		require.Less(t, few, 0.1, name)
		require.True(t, many < few/2 || many < 5e-4, "%s: %g at 50 steps, %g at 200", name, few, many)
		solved++
	})
	require.Greater(t, solved, 20)
}
