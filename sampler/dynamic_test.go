package sampler_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// TestReductionsCost: a threshold, a rescale or both ask for one more launch for each evaluation.
func TestReductionsCost(t *testing.T) {
	threshold := sampler.WithThreshold(sampler.Threshold{Quantile: sampler.DefaultQuantile, Max: 2})
	for _, name := range sampler.Names() {
		p := plan(t, name, 4, sampler.Params{})
		require.False(t, p.Reduces(), name)
		require.Equal(t, len(p.Stages), p.Cost().Launches, name)
		for _, opts := range [][]sampler.Option{{threshold}, {sampler.WithRescale(0.7)},
			{threshold, sampler.WithRescale(0.7)}} {
			q := plan(t, name, 4, sampler.Params{}, opts...)
			require.True(t, q.Reduces(), name)
			require.Equal(t, sampler.Cost{Evaluations: p.Evaluations(),
				Launches: len(p.Stages) + p.Evaluations()}, q.Cost(), name)
			require.Equal(t, p.Stages, q.Stages, "the table is the same")
		}
	}
	half := plan(t, "ddim", 4, sampler.Params{}, threshold)
	half.Stages[1] = sampler.Stage{X: sampler.Row{X: 1}}
	require.Equal(t, sampler.Cost{Evaluations: 3, Launches: 7}, half.Cost(), "one stage does not evaluate")
}

// TestOptionsOff: the zero values turn both off, also after they were on.
func TestOptionsOff(t *testing.T) {
	want := plan(t, "ddim", 2, sampler.Params{})
	got := plan(t, "ddim", 2, sampler.Params{}, sampler.WithThreshold(sampler.Threshold{Quantile: 1, Max: 2}),
		sampler.WithRescale(1), sampler.WithThreshold(sampler.Threshold{}), sampler.WithRescale(0))
	require.Equal(t, want, got)
	for _, bad := range []sampler.Option{sampler.WithThreshold(sampler.Threshold{Quantile: 0.9}),
		sampler.WithThreshold(sampler.Threshold{Max: 2}), sampler.WithRescale(2)} {
		_, err := tryPlan("ddim", 2, sampler.Params{}, bad)
		var e *sampler.PlanError
		require.ErrorAs(t, err, &e)
	}
}

// TestDynamicJSON: the fields are there when they are set, and only then.
func TestDynamicJSON(t *testing.T) {
	fields := func(opts ...sampler.Option) map[string]any {
		b, err := json.Marshal(plan(t, "ddim", 2, sampler.Params{}, opts...))
		require.NoError(t, err)
		var m map[string]any
		require.NoError(t, json.Unmarshal(b, &m))
		return m
	}
	off := fields()
	require.NotContains(t, off, "threshold")
	require.NotContains(t, off, "rescale")
	on := fields(sampler.WithRescale(0.7), sampler.WithThreshold(sampler.Threshold{Quantile: 0.995, Max: 1.5}))
	require.Equal(t, map[string]any{"quantile": 0.995, "max": 1.5}, on["threshold"])
	require.Equal(t, 0.7, on["rescale"])
	require.Equal(t, off["stages"], on["stages"])
}

// TestGuidedRowsAreIndependent: rows with reductions and known parts do not touch the others.
func TestGuidedRowsAreIndependent(t *testing.T) {
	reqs := mixed(t)
	for i := range mixed(t) {
		r := reqs[i]
		p := *r.Plan
		p.Threshold, p.Rescale = &sampler.Threshold{Quantile: 0.6, Max: 1.25}, 0.7
		r.Plan = &p
		r.Inpaint = &sampler.Inpaint{Known: []float32{1, 2, 3, 4, 5, 6}, Mask: []float32{0, 1, 1, 0.5, 1, 1}}
		reqs = append(reqs, r)
	}
	dev := cpu(t)
	got, err := sampler.Run(t.Context(), dev, newFake(), reqs)
	require.NoError(t, err)
	for i := range reqs {
		alone, err := sampler.Run(t.Context(), dev, newFake(), reqs[i:i+1])
		require.NoError(t, err)
		require.Equal(t, alone[0], got[i], "row %d", i)
	}
	for i := range mixed(t) {
		require.NotEqual(t, got[i], got[i+5], "the features matter")
		require.Equal(t, float32(1), got[i+5][0], "known, though it is past the threshold")
	}
}
