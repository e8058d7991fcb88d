package gputest

import (
	"slices"
	"testing"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/stretchr/testify/require"
)

// TestRequestsAreMixed: each feature has requests with one to four conditions, the first ones have
// none of them, and all can be run.
func TestRequestsAreMixed(t *testing.T) {
	reqs := Requests(7)
	require.NoError(t, sampler.Check([]int{7}, reqs))
	seen := map[string]map[int]bool{"threshold": {}, "rescale": {}, "both": {}, "inpaint": {}}
	for i, r := range reqs {
		stages := slices.ContainsFunc(r.Plan.Stages, func(s sampler.Stage) bool { return s.Guidance != sampler.GuideAll })
		drawn := !r.Plan.LearnsVariance() && r.Plan.Increments == nil
		require.Equal(t, i < Drawn || i >= Averaged, drawn, "request %d", i)
		require.Equal(t, i < Static, !r.Plan.Reduces() && r.Inpaint == nil && !stages && drawn, "request %d", i)
		require.Equal(t, i >= Guided, r.Plan.Projection != nil || stages || !drawn, "request %d", i)
		require.Equal(t, i >= Averaged, r.Plan.Averages(), "request %d", i)
		k := len(r.Conds)
		threshold, rescale := r.Plan.Threshold != nil, r.Plan.Rescale != 0
		seen["threshold"][k] = seen["threshold"][k] || threshold
		seen["rescale"][k] = seen["rescale"][k] || rescale
		seen["both"][k] = seen["both"][k] || threshold && rescale
		seen["inpaint"][k] = seen["inpaint"][k] || r.Inpaint != nil
	}
	for feature, conds := range seen {
		require.Equal(t, map[int]bool{1: true, 2: true, 3: true, 4: true}, conds, feature)
	}
}

// TestSamplerRequestsAreComplete: every name of the registry, 2 to 6 steps, guided and not.
func TestSamplerRequestsAreComplete(t *testing.T) {
	reqs := SamplerRequests(t, 5)
	require.NoError(t, sampler.Check([]int{5}, reqs))
	names, seeds := map[string]int{}, map[uint64]bool{}
	steps, conds := map[int]bool{}, map[int]bool{}
	for _, r := range reqs {
		names[r.Plan.Sampler]++
		steps[r.Plan.Steps()] = true
		conds[len(r.Conds)] = true
		seeds[r.Seed] = true
		require.Equal(t, len(r.Plan.Stages), r.Plan.Cost().Launches)
	}
	require.Len(t, reqs, len(sampler.Names())+len(options)+len(variants)+1)
	require.Equal(t, map[int]bool{2: true, 3: true, 4: true, 5: true, 6: true}, steps)
	require.Equal(t, map[int]bool{1: true, 2: true}, conds)
	require.Len(t, seeds, len(reqs))
	for _, name := range []string{"ddpm", "ddim", "euler", "euler_a", "heun", "lcm"} {
		require.NotZero(t, names[name], name)
	}
}
