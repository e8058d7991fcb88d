package sampler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// TestRequestErrors: what cannot be run is refused before the network is asked, by name.
func TestRequestErrors(t *testing.T) {
	dev, p := cpu(t), plan(t, "ddim", 2, sampler.Params{})
	one := guide(t, nil, nil, 1)
	for _, c := range []struct {
		name, field string
		row         int
		shape       []int
		reqs        []sampler.Request
	}{
		{"no requests", "requests", -1, nil, nil},
		{"no plan", "plan", 1, nil, []sampler.Request{{Plan: p, Conds: one}, {Conds: one}}},
		{"no conditions", "conditions", 0, nil, []sampler.Request{{Plan: p}}},
		{"NaN weight", "condition weight", 0, nil,
			[]sampler.Request{{Plan: p, Conds: []sampler.Weighted{{Weight: math.NaN()}}}}},
		{"weight that overflows float32", "condition weight", 0, nil,
			[]sampler.Request{{Plan: p, Conds: []sampler.Weighted{{Weight: 1e39}}}}},
		{"short noise", "initial noise", 0, nil, []sampler.Request{{Plan: p, Conds: one, Init: make([]float32, 5)}}},
		{"short known part", "inpaint known", 0, nil, []sampler.Request{{Plan: p, Conds: one,
			Inpaint: &sampler.Inpaint{Known: make([]float32, 5), Mask: make([]float32, 6)}}}},
		{"no mask", "inpaint mask", 1, nil, []sampler.Request{{Plan: p, Conds: one}, {Plan: p, Conds: one,
			Inpaint: &sampler.Inpaint{Known: make([]float32, 6)}}}},
		{"mask above 1", "inpaint mask", 0, nil, []sampler.Request{{Plan: p, Conds: one,
			Inpaint: &sampler.Inpaint{Known: make([]float32, 6), Mask: []float32{0, 0, 0, 1, 0, 1.01}}}}},
		{"mask that is not a number", "inpaint mask", 0, nil, []sampler.Request{{Plan: p, Conds: one,
			Inpaint: &sampler.Inpaint{Known: make([]float32, 6),
				Mask: []float32{0, 0, float32(math.NaN()), 0, 0, 0}}}}},
		{"empty shape", "shape", -1, []int{1, 0, 3}, []sampler.Request{{Plan: p, Conds: one}}},
		{"huge shape", "shape", -1, []int{1 << 20, 1 << 20}, []sampler.Request{{Plan: p, Conds: one}}},
	} {
		m := newFake()
		if c.shape != nil {
			m.shape = c.shape
		}
		out, err := sampler.Run(t.Context(), dev, m, c.reqs)
		require.Nil(t, out, c.name)
		require.Zero(t, m.calls, c.name)
		var e *sampler.RequestError
		require.ErrorAs(t, err, &e, c.name)
		require.Equal(t, c.field, e.Field, c.name)
		require.Equal(t, c.row, e.Row, c.name)
	}
	_, err := sampler.Run(t.Context(), dev, newFake(), []sampler.Request{{Plan: &sampler.Plan{}, Conds: one}})
	var e *sampler.PlanError
	require.ErrorAs(t, err, &e)
}
