package sampler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// TestGuide: the two conventions agree, and scales 0 and 1 cost one evaluation.
func TestGuide(t *testing.T) {
	type w = sampler.Weighted
	for _, c := range []struct {
		scale float64
		want  []w
	}{
		{1, []w{{1, "c"}}},
		{0, []w{{1, "u"}}},
		{7.5, []w{{7.5, "c"}, {-6.5, "u"}}},
		{-1, []w{{-1, "c"}, {2, "u"}}},
	} {
		got, err := sampler.Guide("c", "u", c.scale)
		require.NoError(t, err)
		require.Equal(t, c.want, got)
		paper, err := sampler.GuideW("c", "u", c.scale-1)
		require.NoError(t, err)
		require.Equal(t, got, paper)
		sum := 0.0
		for _, v := range got {
			sum += v.Weight
		}
		require.Equal(t, 1.0, sum)
	}
	for _, bad := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		var e *sampler.RequestError
		_, err := sampler.Guide("c", "u", bad)
		require.ErrorAs(t, err, &e)
		require.Equal(t, "guidance scale", e.Field)
		_, err = sampler.GuideW("c", "u", bad)
		require.ErrorAs(t, err, &e)
	}
}

// TestWeightsOfConditions: any number of conditions is a weighted sum of their outputs. The fake network's
// output is linear in the condition, so three conditions equal one of the weighted scale.
func TestWeightsOfConditions(t *testing.T) {
	dev, p := cpu(t), plan(t, "ddim", 3, sampler.Params{})
	many := []sampler.Weighted{{Weight: 0.5, Cond: scale(1)}, {Weight: -1, Cond: scale(2)}, {Weight: 1.5, Cond: scale(3)}}
	const sum = 0.5*1 - 1*2 + 1.5*3 // 3; the weights add up to 1, so the timestep's part is kept too
	out, err := sampler.Run(t.Context(), dev, newFake(), []sampler.Request{
		{Plan: p, Conds: many, Seed: 4},
		{Plan: p, Conds: []sampler.Weighted{{Weight: 1, Cond: scale(sum)}}, Seed: 4},
		{Plan: p, Conds: many[:2], Seed: 4},
	})
	require.NoError(t, err)
	for i := range out[0] {
		require.InDelta(t, out[1][i], out[0][i], 1e-5)
	}
	require.NotEqual(t, out[2], out[0])

	m := newFake()
	m.conds = map[sampler.Cond]int{}
	_, err = sampler.Run(t.Context(), dev, m, []sampler.Request{{Plan: p, Conds: many}})
	require.NoError(t, err)
	require.Equal(t, map[sampler.Cond]int{scale(1): 3, scale(2): 3, scale(3): 3}, m.conds)
}

// TestGuidanceConventionsRun: GuideW(w) and Guide(1+w) give the same bits.
func TestGuidanceConventionsRun(t *testing.T) {
	p := plan(t, "dpmpp_2m", 3, sampler.Params{})
	a, err := sampler.GuideW(scale(1), scale(2), 1.5)
	require.NoError(t, err)
	out, err := sampler.Run(t.Context(), cpu(t), newFake(), []sampler.Request{{Plan: p, Conds: a},
		{Plan: p, Conds: guide(t, scale(1), scale(2), 2.5)}})
	require.NoError(t, err)
	require.Equal(t, out[0], out[1])
}
