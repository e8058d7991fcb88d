package sampler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// TestValidate plants one fault at a time in a valid plan.
func TestValidate(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	threshold := func(q, limit float64) func(*sampler.Plan) {
		return func(p *sampler.Plan) { p.Threshold = &sampler.Threshold{Quantile: q, Max: limit} }
	}
	for _, c := range []struct {
		want  string
		plant func(p *sampler.Plan)
	}{
		{"no stages", func(p *sampler.Plan) { p.Stages = nil }},
		{"initial scale NaN", func(p *sampler.Plan) { p.Init = nan }},
		{"step 1: network scaling", func(p *sampler.Plan) { p.Stages[1].From.Out = inf }},
		{"network scaling", func(p *sampler.Plan) { p.Stages[1].At.In = nan }},
		{"network scaling", func(p *sampler.Plan) { p.Stages[1].At.T = 1e39 }},
		{"clip limit NaN", func(p *sampler.Plan) { p.Stages[0].Clip = nan }},
		{"clip limit -1", func(p *sampler.Plan) { p.Stages[0].Clip = -1 }},
		{"clip limit +Inf", func(p *sampler.Plan) { p.Stages[0].Clip = inf }},
		{"coefficient NaN", func(p *sampler.Plan) { p.Stages[0].X.D = nan }},
		{"does not fit a float32", func(p *sampler.Plan) { p.Stages[0].X.X = 1e39 }},
		{"does not fit a float32", func(p *sampler.Plan) { p.Stages[0].Base = &sampler.Row{X: inf} }},
		{"does not fit a float32", func(p *sampler.Plan) { p.Stages[0].Push = &sampler.Row{N: [2]float64{0, nan}} }},
		{"not evaluated", func(p *sampler.Plan) { p.Stages[1].Eval = false }},
		{"slot 3 is read before", func(p *sampler.Plan) { p.Stages[2].X.H[3] = 1 }},
		{"slot 0 is read before", func(p *sampler.Plan) { p.Stages[0].X.H[0] = 1 }},
		{"history slot 4: want 0 to 3", func(p *sampler.Plan) { p.Stages[1].Slot = 4 }},
		{"history slot -1", func(p *sampler.Plan) { p.Stages[1].Slot = -1 }},
		{"threshold quantile 0: want", threshold(0, 1)},
		{"threshold quantile NaN", threshold(nan, 1)},
		{"quantile 1.01: want more", threshold(1.01, 1)},
		{"threshold maximum 0.99", threshold(1, 0.99)},
		{"threshold maximum NaN", threshold(1, nan)},
		{"threshold maximum 1e+39", threshold(1, 1e39)},
		{"rescale -0.1: want 0 to 1", func(p *sampler.Plan) { p.Rescale = -0.1 }},
		{"rescale 1.1", func(p *sampler.Plan) { p.Rescale = 1.1 }},
		{"rescale NaN", func(p *sampler.Plan) { p.Rescale = nan }},
		{"noise n1 has no draw", func(p *sampler.Plan) { p.Stages[1].X.N[1] = 1 }},
	} {
		p := plan(t, "dpmpp_2m", 3, sampler.Params{})
		require.NoError(t, p.Validate())
		c.plant(p)
		var e *sampler.PlanError
		require.ErrorAs(t, p.Validate(), &e, c.want)
		require.ErrorContains(t, p.Validate(), c.want)
	}
}
