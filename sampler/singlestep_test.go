package sampler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestSinglestepIntegrates: the steps in the form heun integrate a prediction that is a polynomial of
// degree order-1 in lambda exactly, whatever the fractions of the points between:
//
//	data   integral over r of alpha[t]*exp(-h*(1-r))*h*r^k, for the SDE with 2h for h
//	noise  integral over r of -sigma[t]*exp(h*(1-r))*h*r^k
func TestSinglestepIntegrates(t *testing.T) {
	pts := []schedule.Point{schedule.VP(3, 3), schedule.VP(2, 1.9), schedule.VP(1, 0.8), schedule.VP(0, 0.3)}
	for order := 1; order <= 3; order++ {
		grid := pts[:order+1]
		s, end := grid[0], grid[order]
		h := end.Lambda() - s.Lambda()
		for _, c := range []struct {
			o         sampler.DPMSolverSinglestep
			scale, of float64 // of the integral, and h in its exponent
		}{
			{sampler.DPMSolverSinglestep{}, end.Alpha * h, -h},
			{sampler.DPMSolverSinglestep{SDE: true}, end.Alpha * 2 * h, -2 * h},
			{sampler.DPMSolverSinglestep{Noise: true}, -end.Sigma * h, h},
		} {
			c.o.Order, c.o.Heun, c.o.KeepOrder = order, true, true
			p, err := sampler.New(c.o, grid, schedule.Epsilon)
			require.NoError(t, err)
			m := predictionWeights(p, order, c.o.Noise)
			for k := range order {
				got, want := 0.0, 0.0
				for j, w := range m {
					r := (grid[j].Lambda() - s.Lambda()) / h
					got += w * math.Pow(r, float64(k))
				}
				const cells = 200000 // the midpoint rule's error is below 1e-9
				for i := range cells {
					r := (float64(i) + 0.5) / cells
					want += c.scale * math.Exp(c.of*(1-r)) * math.Pow(r, float64(k)) / cells
				}
				require.InDelta(t, want, got, 1e-8, "%s order %d degree %d", c.o.Name(), order, k)
			}
			if c.o.SDE { // the forward process's variance: that kept of the sample and that drawn
				st := p.Stages[order-1]
				kept := (st.X.X + st.X.Base) * s.Sigma
				require.InDelta(t, end.Sigma, math.Hypot(kept, st.X.N[0]), 1e-14)
			}
		}
	}
}

// predictionWeights returns the weights of the predictions in stage order-1, the oldest first.
func predictionWeights(p *sampler.Plan, order int, noise bool) []float64 {
	st := p.Stages[order-1]
	now := st.X.D
	if noise {
		now = -st.X.D * st.At.Sigma / st.At.Alpha // epsilon is (x - alpha*D)/sigma
	}
	return append(append([]float64(nil), st.X.H[:order-1]...), now)
}

// TestSinglestepOrders: those of get_order_list in diffusers 0.42.1, with and without lower_order_final, to
// a sigma above 0 and to 0.
func TestSinglestepOrders(t *testing.T) {
	for _, c := range []struct {
		order, n   int
		keep, zero bool
		want       []int
	}{
		{1, 3, false, false, []int{1, 1, 1}},
		{2, 4, false, false, []int{1, 2, 1, 1}},
		{2, 4, true, false, []int{1, 2, 1, 2}},
		{2, 4, true, true, []int{1, 2, 1, 1}},
		{2, 5, false, false, []int{1, 2, 1, 2, 1}},
		{3, 6, false, false, []int{1, 2, 3, 1, 2, 1}},
		{3, 6, true, false, []int{1, 2, 3, 1, 2, 3}},
		{3, 7, false, true, []int{1, 2, 3, 1, 2, 3, 1}},
		{3, 8, false, false, []int{1, 2, 3, 1, 2, 3, 1, 2}},
		{3, 8, false, true, []int{1, 2, 3, 1, 2, 3, 1, 1}},
	} {
		var s []float64
		for i := range c.n {
			s = append(s, 2*float64(c.n-i))
		}
		end := 1.0
		if c.zero {
			end = 0
		}
		o := sampler.DPMSolverSinglestep{Order: c.order, KeepOrder: c.keep}
		p, err := sampler.New(o, levels(append(s, end)...), schedule.Epsilon)
		require.NoError(t, err)
		require.Equal(t, c.want, ordersOf(p), "%+v", c)
		require.Equal(t, c.n, p.Evaluations())
	}
	dark := []schedule.Point{{T: 1, Sigma: 1, In: 1}, schedule.VP(0.5, 1), schedule.VP(0.4, 0.5),
		schedule.VP(0, 0)}
	p, err := sampler.New(sampler.DPMSolverSinglestep{}, dark, schedule.V)
	require.NoError(t, err)
	require.Equal(t, []int{1, 1, 1}, ordersOf(p), "no difference over a step of infinite length")
}

// ordersOf counts the evaluations since the base was kept, which is the order of each stage that uses it.
func ordersOf(p *sampler.Plan) []int {
	var out []int
	start := 0
	for i, st := range p.Stages {
		if st.Base != nil {
			start = i
		}
		k := 1
		if st.X.Base != 0 {
			k = i - start + 1
		}
		out = append(out, k)
	}
	return out
}

// TestSinglestepErrors: what does not fit together is refused with what would be right.
func TestSinglestepErrors(t *testing.T) {
	dark := []schedule.Point{{T: 1, Sigma: 1, In: 1}, schedule.VP(0.5, 1), schedule.VP(0, 0.1)}
	for _, c := range []struct {
		o    sampler.DPMSolverSinglestep
		pts  []schedule.Point
		want string
	}{
		{sampler.DPMSolverSinglestep{Order: 4}, levels(2, 1, 0), "order 4: want 1, 2 or 3"},
		{sampler.DPMSolverSinglestep{Order: -1}, levels(2, 1, 0), "order -1"},
		{sampler.DPMSolverSinglestep{SDE: true, Noise: true}, levels(3, 2, 1), "want one of them"},
		{sampler.DPMSolverSinglestep{Noise: true}, levels(2, 1, 0), "want a final sigma above 0"},
		{sampler.DPMSolverSinglestep{Noise: true}, dark, "signal"},
	} {
		_, err := sampler.New(c.o, c.pts, schedule.V)
		require.ErrorContains(t, err, c.want)
	}
}
