package sampler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/internal/table"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// variance returns that of the end of s on n even steps between the two levels, where the data is normal
// with standard deviation 0.6. The network, epsilon = s/(0.36+s^2)*y, is linear, so the end is a sum over the
// draws: run on the unit vectors, one element for each draw, it gives the weights.
func variance(t *testing.T, s sampler.Sampler, n int, point func(t, s float64) schedule.Point) float64 {
	t.Helper()
	p, err := sampler.New(s, evenGrid(t, n, point), schedule.Epsilon)
	require.NoError(t, err)
	p.Init = math.Sqrt(0.36 + noisy*noisy) // of y; the exact start
	if point(noisy, noisy).Alpha != 1 {
		p.Init *= point(noisy, noisy).Alpha
	}
	net := func(x []float64, level float64) []float64 { // x = alpha*y of a variance-preserving point
		out := make([]float64, len(x))
		for i, v := range x {
			out[i] = level / (0.36 + level*level) * v / schedule.VP(0, level).Alpha
		}
		return out
	}
	unit := func(k int) []float64 {
		e := make([]float64, p.Draws()+1)
		e[k] = 1
		return e
	}
	sum := 0.0
	for _, v := range last(table.Run(p, net, unit)) {
		sum += v * v
	}
	a := point(clean, clean).Alpha
	return sum / (a * a)
}

// TestWeakOrder: the variance of the end converges to the true one. The order is that of the law, not of
// single paths.
func TestWeakOrder(t *testing.T) {
	one := 1.0
	const truth = 0.36 + clean*clean
	for _, c := range []struct {
		s     sampler.Sampler
		order float64
	}{
		{sampler.EulerAncestral{}, 1},
		{sampler.DDIM{Eta: 1}, 1},
		{sampler.FlowEulerAncestral{}, 1},
		{sampler.ReverseDiffusion{}, 1},
		{sampler.Heun{Churn: 20, Timesteps: levelTimesteps}, 2},
		{sampler.DPM2Ancestral{Timesteps: levelTimesteps}, 2},
		{sampler.DPMPP2SAncestral{Timesteps: levelTimesteps}, 2},
		{sampler.DPMPPSDE{Timesteps: levelTimesteps}, 2},
		{sampler.DPMPPSDE{Timesteps: levelTimesteps, Independent: true}, 1},
		{sampler.DPMSolverPP{Multistep: sampler.Multistep{SDE: true, KeepOrder: true}}, 2},
		{sampler.DPMSolverSinglestep{SDE: true, KeepOrder: true}, 1}, // each evaluation draws anew
		{sampler.CFGPP{Eta: 1}, 1},
		{sampler.Restart{Timesteps: levelTimesteps,
			Intervals: []sampler.RestartInterval{{Min: 0.5, Max: 1.5, Times: 3}, {Min: 1, Max: 2}}}, 2},
		{sampler.RePaint{Eta: 1, Jump: 4, Samples: 3}, 1},
		{sampler.RES{Eta: &one}, 2},
		{sampler.RES{Eta: &one, CFGPP: true}, 2},
		{sampler.DPMSolverPP{Multistep: sampler.Multistep{SDE: true, Heun: true, KeepOrder: true}}, 2},
		{sampler.SASolver{KeepOrder: true, Reevaluate: true}, 2},
		{sampler.ERSDE{Order: 1}, 1},
		{sampler.ERSDE{Order: 2}, 2},
		{sampler.ERSDE{Order: 3}, 2}, // older predictions have other noise
		{sampler.SASolver{Predictor: 1, Corrector: 1, KeepOrder: true}, 1},
		{sampler.SASolver{KeepOrder: true}, 2},
	} {
		for _, point := range []func(t, s float64) schedule.Point{schedule.VE, schedule.VP} {
			a := math.Abs(variance(t, c.s, 64, point) - truth)
			b := math.Abs(variance(t, c.s, 256, point) - truth)
			order := math.Log(a/b) / math.Log(4)
			t.Logf("%-20s order %.3f, error %.2g at 256 steps", c.s.Name(), order, b)
			require.InDelta(t, c.order, order, 0.15, "%+v", c.s)
		}
	}
}

// TestThirdOrderOfSDEs: the older predictions of a multistep method belong to other noise, so order 3 of the ODE
// is order 2 of the law, with a smaller error than the methods of order 2 have.
func TestThirdOrderOfSDEs(t *testing.T) {
	const truth = 0.36 + clean*clean
	sde := func(order int) sampler.Sampler {
		return sampler.DPMSolverPP{Multistep: sampler.Multistep{SDE: true, Order: order, KeepOrder: true}}
	}
	for _, c := range []struct{ second, third sampler.Sampler }{
		{sde(2), sde(3)}, {sampler.ERSDE{Order: 2}, sampler.ERSDE{Order: 3}},
	} {
		at := func(s sampler.Sampler, n int) float64 {
			return math.Abs(variance(t, s, n, schedule.VP) - truth)
		}
		coarse, fine, second := at(c.third, 256), at(c.third, 1024), at(c.second, 1024)
		order := math.Log(coarse/fine) / math.Log(4)
		t.Logf("%s order %.3f, error %.2g at 1024 steps, %.2g of order 2", c.third.Name(), order, fine, second)
		require.InDelta(t, 2, order, 0.15)
		require.Less(t, fine, second)
	}
}
