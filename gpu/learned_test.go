package gpu

import (
	"context"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestExp goes over one of 997 of all float32, and what lies around its ends.
func TestExp(t *testing.T) {
	worst, at := 0.0, float32(0)
	for b := uint64(0); b < 1<<32; b += 997 {
		x := math.Float32frombits(uint32(b))
		if !(x >= -86 && x <= 88) {
			continue
		}
		if e := ulps(exp(x), math.Exp(float64(x))); e > worst {
			worst, at = e, x
		}
	}
	t.Logf("exp: %.3f ulp at %v", worst, at)
	require.LessOrEqual(t, worst, 2.0)
	require.Equal(t, float32(1), exp(0))
	inf := float32(math.Inf(1))
	require.Equal(t, exp(88), exp(inf))
	require.Equal(t, exp(-86), exp(-inf))
	require.True(t, math.IsNaN(float64(exp(float32(math.NaN())))))
}

// varying predicts a variance of its own for each condition.
type varying struct {
	blank
	asked bool
}

type blank struct{ n int }

func (m blank) Shape() []int { return []int{m.n} }

func (m blank) Forward(_ context.Context, e *sampler.Eval) error {
	clear(e.Out.Host())
	return nil
}

func (m *varying) PredictsVariance() bool { return true }

func (m *varying) Forward(_ context.Context, e *sampler.Eval) error {
	clear(e.Out.Host())
	if e.Variance == nil {
		return nil
	}
	m.asked = true
	v := e.Variance.Host()
	for _, r := range e.Active {
		for i := range e.Elems {
			v[r*e.Elems+i] = float32(1 - 2*r) // 1 of the first condition, -1 of the second
		}
	}
	return nil
}

// TestLearnedVarianceIsThatOfTheFirstCondition: at 1 and -1, learned range has the variances of FixedLarge and
// FixedSmall, whatever the guidance scale.
func TestLearnedVarianceIsThatOfTheFirstCondition(t *testing.T) {
	const n = 64
	betas, err := schedule.Linear(1000, 1e-4, 0.02)
	require.NoError(t, err)
	noise, err := schedule.New(betas)
	require.NoError(t, err)
	pts, err := schedule.Grid{Noise: noise, Steps: 5}.Points()
	require.NoError(t, err)
	run := func(v sampler.Variance, m sampler.Model) []float32 {
		p, err := sampler.New(sampler.DDPM{Variance: v}, pts, schedule.Epsilon)
		require.NoError(t, err)
		conds, err := sampler.Guide(0, 1, 3)
		require.NoError(t, err)
		out, err := sampler.Run(t.Context(), NewCPU(1), m, []sampler.Request{{Plan: p, Conds: conds, Seed: 3}})
		require.NoError(t, err)
		return out[0]
	}
	m := &varying{blank: blank{n}}
	want := run(sampler.FixedLarge, m)
	require.False(t, m.asked, "no plan asked for it")
	got := run(sampler.LearnedRange, m)
	require.True(t, m.asked)
	for i := range want {
		require.InDelta(t, want[i], got[i], 1e-4)
	}
}

// TestLearnedVarianceNeedsANetwork: one that predicts none is refused before it is asked.
func TestLearnedVarianceNeedsANetwork(t *testing.T) {
	reqs := gputest.Requests(16)
	for i := range reqs {
		if !reqs[i].Plan.LearnsVariance() {
			continue
		}
		for _, m := range []sampler.Model{blank{16}, OnHost(blank{16})} {
			_, err := sampler.Run(t.Context(), NewCPU(1), m, reqs[i:i+1])
			var e *sampler.RequestError
			require.ErrorAs(t, err, &e)
			require.Equal(t, "plan", e.Field)
		}
		_, err := sampler.Run(t.Context(), NewCPU(1), OnHost(&varying{blank: blank{16}}), reqs[i:i+1])
		require.NoError(t, err)
	}
}
