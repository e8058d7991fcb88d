package sampler_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

func guided(t *testing.T, steps int, o ...sampler.Option) (*sampler.Plan, error) {
	t.Helper()
	betas, err := schedule.Linear(1000, 1e-4, 0.02)
	require.NoError(t, err)
	noise, err := schedule.New(betas)
	require.NoError(t, err)
	e, err := sampler.Lookup("heun") // two stages a step
	require.NoError(t, err)
	return e.Plan(schedule.Grid{Noise: noise, Steps: steps}, schedule.Epsilon, sampler.Params{}, o...)
}

// kinds are the guidance of each step's stages, one letter a stage that evaluates.
func kinds(p *sampler.Plan) string {
	s := ""
	for i := range p.Stages {
		if st := &p.Stages[i]; st.Eval {
			s += string("af-"[st.Guidance])
		}
	}
	return s
}

// TestInterval counts steps as diffusers' guiders do: int(start*n) <= step < int(stop*n).
func TestInterval(t *testing.T) {
	for _, c := range []struct {
		start, stop float64
		want        string
	}{
		{0, 1, "aaaaaaaaa"}, {0.2, 0.8, "ffaaaaaaf"}, {0, 0.5, "aaaafffff"}, {0.5, 0.5, "fffffffff"}, {0.99, 1, "ffffffffa"},
	} {
		p, err := guided(t, 5, sampler.WithInterval(c.start, c.stop))
		require.NoError(t, err)
		assert.Equal(t, c.want, kinds(p), "%v to %v", c.start, c.stop)
	}
	p, err := guided(t, 4, sampler.WithInterval(0, 0.75), sampler.WithZeroInit(1))
	require.NoError(t, err)
	assert.Equal(t, "--aaaaf", kinds(p))

	p, err = guided(t, 5, sampler.WithSigmas(0.5, 10))
	require.NoError(t, err)
	for i := range p.Stages {
		st := &p.Stages[i]
		level := st.At.Sigma / st.At.Alpha
		assert.Equal(t, level > 0.5 && level <= 10, st.Guidance == sampler.GuideAll, "stage %d at %v", i, level)
	}
}

func TestGuidanceRefusals(t *testing.T) {
	for want, o := range map[string]sampler.Option{
		"0 <= start <= stop <= 1": sampler.WithInterval(0.5, 0.2),
		"interval -1":             sampler.WithInterval(-1, 1),
		"0 <= low < high":         sampler.WithSigmas(2, 1),
		"none or more":            sampler.WithZeroInit(-1),
		"want one of":             sampler.WithProjection(&sampler.Projection{Kind: 7}),
		"largest difference -1":   sampler.WithProjection(&sampler.Projection{Norm: -1}),
		"of apg":                  sampler.WithProjection(&sampler.Projection{Kind: sampler.ZeroStar, Eta: 1}),
		"of apg, not of tangent":  sampler.WithProjection(&sampler.Projection{Kind: sampler.Tangential, Momentum: 0.5}),
		"momentum 1: want more":   sampler.WithProjection(&sampler.Projection{Momentum: 1}),
		"momentum -1: want more":  sampler.WithProjection(&sampler.Projection{Momentum: -1}),
		"momentum 0.99999999":     sampler.WithProjection(&sampler.Projection{Momentum: 0.99999999}), // 1 as a float32
		"momentum NaN":            sampler.WithProjection(&sampler.Projection{Momentum: math.NaN()}),
		"momentum +Inf":           sampler.WithProjection(&sampler.Projection{Momentum: math.Inf(1)}),
	} {
		_, err := guided(t, 5, o)
		var e *sampler.PlanError
		require.ErrorAs(t, err, &e, want)
		assert.ErrorContains(t, err, want)
	}
	_, err := sampler.ParseProjection("none")
	require.ErrorContains(t, err, "tangential")
	p, err := guided(t, 5, sampler.WithProjection(&sampler.Projection{Kind: sampler.Tangential}))
	require.NoError(t, err)
	assert.Equal(t, len(p.Stages)+p.Evaluations(), p.Cost().Launches)
	err = sampler.Check([]int{4}, []sampler.Request{{Plan: p, Conds: []sampler.Weighted{{Weight: 1}}}})
	require.ErrorContains(t, err, "want two")
	p.Stages[0].Guidance = 3
	require.ErrorContains(t, p.Validate(), "guidance 3")
}
