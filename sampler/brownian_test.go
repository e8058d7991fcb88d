package sampler_test

import (
	"context"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// sdes are the samplers of the registry whose noise is that of an SDE.
var sdes = []string{"ddpm", "euler_ancestral", "dpm_2_ancestral", "dpmpp_2s_ancestral", "dpmpp_sde", "dpmpp_2m_sde",
	"dpmpp_2m_sde_heun", "dpmpp_3m_sde", "er_sde", "sa_solver", "sa_solver_pece", "res_multistep_ancestral"}

// TestBrownianIncrements: each draw has variance 1, draws of one plan are independent, and neighbouring increments of a
// fine plan add up to those of a coarse one on the same points, which they are the more alike the more they share.
func TestBrownianIncrements(t *testing.T) {
	dot := func(a, b []sampler.Term) (sum float64) {
		weights := map[uint32]float64{}
		for _, v := range a {
			weights[v.Draw] += v.Weight
		}
		for _, v := range b {
			sum += v.Weight * weights[v.Draw]
		}
		return sum
	}
	for _, name := range sdes {
		p := brownianPlan(t, name, 20)
		require.NotEmpty(t, p.Increments, name)
		n := 0
		for i, a := range p.Increments {
			if len(a) == 0 {
				continue
			}
			n++
			require.InDelta(t, 1, dot(a, a), 1e-12, "%s, draw %d", name, i+1)
			for k, b := range p.Increments[:i] {
				require.InDelta(t, 0, dot(a, b), 1e-12, "%s, draws %d and %d", name, i+1, k+1)
			}
		}
		require.GreaterOrEqual(t, n, 10, name)
	}
	// euler_ancestral on the points 0, 2, 4 ... of another: the sum of two increments is one of the first.
	fine, coarse := brownianPlan(t, "euler_ancestral", 32), brownianPlan(t, "euler_ancestral", 16)
	u := func(l float64) float64 { return math.Max(0, math.Min(1, (math.Log(l)+12)/24)) }
	level := func(st *sampler.Stage) float64 { return st.At.Sigma / st.At.Alpha }
	for i := range coarse.Stages[:14] {
		a, m, b := level(&fine.Stages[2*i]), level(&fine.Stages[2*i+1]), level(&fine.Stages[2*i+2])
		require.InDelta(t, a, level(&coarse.Stages[i]), 1e-9*a)
		w1, w2 := math.Sqrt((u(a)-u(m))/(u(a)-u(b))), math.Sqrt((u(m)-u(b))/(u(a)-u(b)))
		got := w1*dot(coarse.Increments[i], fine.Increments[2*i]) + w2*dot(coarse.Increments[i], fine.Increments[2*i+1])
		require.InDelta(t, 1, got, 0.02, "step %d", i) // ends are rounded to parts of the tree
	}
}

func brownianPlan(t *testing.T, name string, steps int) *sampler.Plan {
	t.Helper()
	e, err := sampler.Lookup(name)
	require.NoError(t, err)
	var pts []schedule.Point
	for i := range steps + 1 {
		s := 20 * math.Pow(0.01/20, float64(i)/float64(steps))
		pts = append(pts, schedule.VE(s, s))
	}
	s, err := e.Sampler(sampler.Params{})
	require.NoError(t, err)
	p, err := sampler.New(s, pts, schedule.Epsilon, sampler.WithBrownian())
	require.NoError(t, err, name)
	return p
}

// TestBrownianPathsConverge: with one path, doubling the steps of an SDE sampler changes its sample of the exact
// Gaussian-mixture model less and less; with noise of its own for each step it does not.
func TestBrownianPathsConverge(t *testing.T) {
	for _, name := range sdes {
		t.Run(name, func(t *testing.T) {
			sample := func(steps int, o ...sampler.Option) []float32 {
				e, err := sampler.Lookup(name)
				require.NoError(t, err)
				s, err := e.Sampler(sampler.Params{})
				require.NoError(t, err)
				if sa, ok := s.(sampler.SASolver); ok {
					sa.Low, sa.High = 0, 1000 // the SDE everywhere
					s = sa
				}
				var pts []schedule.Point
				for i := range steps + 1 {
					l := 20 * math.Pow(0.02/20, float64(i)/float64(steps))
					pts = append(pts, schedule.VE(l, l))
				}
				p, err := sampler.New(s, pts, schedule.Epsilon, o...)
				require.NoError(t, err)
				m := gaussian{n: 256, deviation: 0.7}
				out, err := sampler.Run(t.Context(), gpu.NewCPU(1), m, []sampler.Request{{Plan: p, Conds: guide(t, nil, nil, 1), Seed: 5}})
				require.NoError(t, err)
				return out[0]
			}
			distance := func(n int, o ...sampler.Option) float64 {
				a, b := sample(n, o...), sample(2*n, o...)
				sum := 0.0
				for i := range a {
					sum += math.Pow(float64(a[i]-b[i]), 2)
				}
				return math.Sqrt(sum / float64(len(a)))
			}
			few, many := distance(20, sampler.WithBrownian()), distance(160, sampler.WithBrownian())
			own := distance(160)
			t.Logf("20 and 40 steps differ by %.4f, 160 and 320 by %.4f; with noise of their own by %.4f", few, many, own)
			require.Less(t, many, few/3, "order 1/2 or more: 8 times the steps, less than 1/2.8 of the distance")
			require.Greater(t, own, 10*many)
		})
	}
}

// gaussian predicts the noise of normal data exactly.
type gaussian struct {
	n         int
	deviation float64
}

func (m gaussian) Shape() []int { return []int{m.n} }

func (m gaussian) Forward(_ context.Context, e *sampler.Eval) error {
	in, ts, out := e.In.Host(), e.T.Host(), e.Out.Host()
	for _, r := range e.Active {
		s := float64(ts[r])
		for i := r * e.Elems; i < (r+1)*e.Elems; i++ {
			y := float64(in[i]) * math.Sqrt(1+s*s) // c_in of VE points
			out[i] = float32(y * s / (s*s + m.deviation*m.deviation))
		}
	}
	return nil
}

// TestBrownianRefusals: what has no path.
func TestBrownianRefusals(t *testing.T) {
	for _, c := range []struct {
		s      sampler.Sampler
		detail string
	}{
		{sampler.Restart{}, "only falls"},
	} {
		var pts []schedule.Point
		for i := range 21 {
			s := 20 * math.Pow(0.01/20, float64(i)/20)
			pts = append(pts, schedule.VE(s, s))
		}
		_, err := sampler.New(c.s, pts, schedule.Epsilon, sampler.WithBrownian())
		var e *sampler.PlanError
		require.ErrorAs(t, err, &e, fmt.Sprintf("%T", c.s))
		require.ErrorContains(t, err, c.detail)
	}
	// A path that cannot be resolved.
	a := schedule.VE(2, 2)
	b, c := schedule.VE(1, 1), schedule.VE(1-1e-12, 1-1e-12)
	_, err := sampler.New(sampler.EulerAncestral{}, []schedule.Point{a, b, c}, schedule.Epsilon, sampler.WithBrownian())
	require.ErrorContains(t, err, "too short")
}

// TestDeterministicPlansHaveNoPath: nothing is changed where nothing is drawn.
func TestDeterministicPlansHaveNoPath(t *testing.T) {
	p, q := brownianPlan(t, "dpmpp_2m", 8), brownianPlan(t, "ddim", 8)
	require.Empty(t, p.Increments)
	require.Empty(t, q.Increments)
}
