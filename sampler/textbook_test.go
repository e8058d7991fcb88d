package sampler_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/internal/table"
	"github.com/cudiffuse/cudiffuse/sampler/internal/textbook"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// oracleTolerance bounds the difference to the textbook, relative to the largest element.
const oracleTolerance = 1e-12

const elems = 64

// clamping is a network that is not linear and saturates: cond selects one of two.
func clamping(cond float64) textbook.Epsilon {
	return func(x []float64, t float64) []float64 {
		y := make([]float64, len(x))
		for i, v := range x {
			y[i] = math.Max(-1.2, math.Min(1.2, 0.8*v+0.4*math.Sin(2.3*v+0.01*t+cond)))
		}
		return y
	}
}

// bank hands out the same normals to the textbook (in order) and to the plan (by draw).
type bank struct {
	draws [][]float64
	next  int
}

func newBank(n int) *bank {
	r := rand.New(rand.NewPCG(1, 2))
	b := &bank{}
	for range n {
		v := make([]float64, elems)
		for i := range v {
			v[i] = r.NormFloat64()
		}
		b.draws = append(b.draws, v)
	}
	return b
}

func (b *bank) draw(id int) []float64 { return b.draws[id] }

func (b *bank) pop() []float64 { b.next++; return b.draws[b.next] }

func linear(t *testing.T, T int) *schedule.Noise {
	t.Helper()
	b, err := schedule.Linear(T, 1e-4, 0.02)
	require.NoError(t, err)
	n, err := schedule.New(b)
	require.NoError(t, err)
	return n
}

func last(steps [][]float64) []float64 { return steps[len(steps)-1] }

func relative(want, got []float64) float64 {
	worst, scale := 0.0, 0.0
	for i := range want {
		worst = math.Max(worst, math.Abs(want[i]-got[i]))
		scale = math.Max(scale, math.Abs(want[i]))
	}
	return worst / scale
}

// pointsOf returns the grid of timesteps with the given end.
func pointsOf(n *schedule.Noise, ts []int, end int) []schedule.Point {
	var pts []schedule.Point
	for _, t := range ts {
		pts = append(pts, n.Point(t))
	}
	return append(pts, n.Point(end))
}

func TestDDPMIsTheTextbooks(t *testing.T) {
	const T = 1000
	n := linear(t, T)
	var ts []int
	for k := T - 1; k >= 0; k-- {
		ts = append(ts, k)
	}
	for _, v := range []sampler.Variance{sampler.FixedSmall, sampler.FixedLarge} {
		p, err := sampler.New(sampler.DDPM{Variance: v}, pointsOf(n, ts, -1), schedule.Epsilon)
		require.NoError(t, err)
		b := newBank(T + 1)
		eps := textbook.Guided(clamping(0), clamping(1), 0.5)
		want := textbook.DDPM(textbook.Linear(T, 1e-4, 0.02), b.draw(0), eps, b.pop, v == sampler.FixedSmall)
		require.Equal(t, T-1, b.next, "draws of the textbook: none at t = 0")
		got := last(table.Run(p, table.Network(eps), b.draw))
		require.Less(t, relative(want, got), oracleTolerance, "variance %v", v)
		require.Equal(t, T-1, p.Draws())
	}
}

func TestDDIMIsTheTextbooks(t *testing.T) {
	const T = 1000
	n := linear(t, T)
	for _, steps := range []int{5, 20, 50, 100} {
		for _, eta := range []float64{0, 0.3, 1} {
			for _, clip := range []float64{0, 0.6} {
				ts, err := schedule.Steps{N: steps, Train: T, Spacing: schedule.Truncated}.Timesteps()
				require.NoError(t, err)
				var evals []int
				for k, v := range ts {
					require.Equal(t, textbook.Timesteps(T, steps)[k], int(v))
					evals = append(evals, int(v))
				}
				// The textbook's last step goes from timestep 0 to timestep 0: abar_prev is abar[0].
				targets := pointsOf(n, evals[1:], 0)
				opts := []sampler.Option{}
				if clip > 0 {
					opts = append(opts, sampler.WithClip(clip))
				}
				p, err := sampler.New(sampler.DDIM{Eta: eta, KeepEpsilon: true, Targets: targets},
					pointsOf(n, evals, -1), schedule.Epsilon, opts...)
				require.NoError(t, err)
				b := newBank(steps + 1)
				eps := textbook.Guided(clamping(0), clamping(1), 0.5)
				want := textbook.DDIM(textbook.Linear(T, 1e-4, 0.02), b.draw(0), steps, eta, clip, eps, b.pop)
				got := last(table.Run(p, table.Network(eps), b.draw))
				require.Less(t, relative(want, got), oracleTolerance, "steps %d eta %v clip %v", steps, eta, clip)
			}
		}
	}
}

func TestDPMSolverIsTheTextbooks(t *testing.T) {
	const T = 1000
	n := linear(t, T)
	s := textbook.Linear(T, 1e-4, 0.02)
	at := func(logSNR float64) float64 { return n.TimestepAt(math.Exp(-logSNR / 2)) }
	for _, order := range []int{1, 2, 3} {
		for _, steps := range []int{4, 10, 25} {
			sigmas, err := schedule.LambdaUniform(steps+1, n.Lambda(T-1), n.Lambda(0))
			require.NoError(t, err)
			var pts []schedule.Point
			for _, v := range sigmas {
				pts = append(pts, schedule.VP(n.TimestepAt(v), v))
			}
			m := sampler.Multistep{Order: order, KeepOrder: true, HalfCurvature: true}
			p, err := sampler.New(sampler.DPMSolver{Multistep: m}, pts, schedule.Epsilon)
			require.NoError(t, err)
			b := newBank(1)
			want := textbook.DPMSolver(s, b.draw(0), steps, order, clamping(0), at)
			got := last(table.Run(p, table.Network(clamping(0)), b.draw))
			require.Less(t, relative(want, got), oracleTolerance, "order %d steps %d", order, steps)
		}
	}
}

// TestOracleCatchesFaults plants one fault at a time in a plan; the comparison must see each.
func TestOracleCatchesFaults(t *testing.T) {
	const T = 1000
	n := linear(t, T)
	s := textbook.Linear(T, 1e-4, 0.02)
	evals := textbook.Timesteps(T, 20)
	want := textbook.DDIM(s, newBank(1).draw(0), 20, 0, 0.6, clamping(0), nil)
	run := func(d sampler.DDIM, clip float64, mutate func(*sampler.Plan)) float64 {
		d.Targets = pointsOf(n, evals[1:], 0)
		p, err := sampler.New(d, pointsOf(n, evals, -1), schedule.Epsilon, sampler.WithClip(clip))
		require.NoError(t, err)
		mutate(p)
		return relative(want, last(table.Run(p, table.Network(clamping(0)), newBank(1).draw)))
	}
	nothing := func(*sampler.Plan) {}
	require.Less(t, run(sampler.DDIM{KeepEpsilon: true}, 0.6, nothing), oracleTolerance)
	require.Greater(t, run(sampler.DDIM{}, 0.6, nothing), 1e-3, "epsilon of the clipped prediction")
	require.Greater(t, run(sampler.DDIM{KeepEpsilon: true}, 0.7, nothing), 1e-3, "another clip")
	swap := func(p *sampler.Plan) { r := &p.Stages[7].X; r.D, r.Raw = r.Raw, r.D }
	require.Greater(t, run(sampler.DDIM{KeepEpsilon: true}, 0.6, swap), 1e-3, "swapped coefficients")
	late := func(p *sampler.Plan) { p.Stages[3].At.T++ }
	require.Greater(t, run(sampler.DDIM{KeepEpsilon: true}, 0.6, late), 1e-6, "one timestep off")
}

func ExampleGuide() {
	conds, _ := sampler.Guide("a cat", "blurry", 7.5) // the negative prompt takes the unconditional place
	for _, c := range conds {
		fmt.Println(c.Weight, c.Cond)
	}
	// Output:
	// 7.5 a cat
	// -6.5 blurry
}
