package pipeline_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestGuiding: every kind of guidance changes the picture of the same seed, a projection that keeps the whole
// difference does not, and what a request says comes back from its parameters.
func TestGuiding(t *testing.T) {
	p := open(t)
	draw := func(g pipeline.Guiding, scale float64) []float32 {
		r := pipeline.Request{Classes: []int{3}, N: 1, Seed: 5, Steps: 6, Guidance: scale, Guiding: g}
		return generate(t, p, r).Images[0].Sample
	}
	plain := draw(pipeline.Guiding{}, 4)
	for name, g := range map[string]pipeline.Guiding{
		"apg": {Type: "apg"}, "apg, short": {Type: "apg", Eta: 1, Norm: 3},
		"apg, momentum": {Type: "apg", Eta: 1, Momentum: -0.5}, "zero star": {Type: "zero_star"},
		"tangential": {Type: "tangential"}, "late": {Start: 0.5}, "early": {Stop: 0.5}, "zero init": {ZeroInit: 1},
	} {
		assert.Greater(t, largest(plain, draw(g, 4)), 1e-3, name)
	}
	assert.Less(t, largest(plain, draw(pipeline.Guiding{Type: "apg", Eta: 1}, 4)), 2e-4, "the whole difference")
	assert.Equal(t, draw(pipeline.Guiding{}, 1), draw(pipeline.Guiding{Type: "apg"}, 1), "without guidance")
	assert.Equal(t, draw(pipeline.Guiding{}, 1), draw(pipeline.Guiding{Start: 1}, 4), "guidance in no step")

	res := generate(t, p, pipeline.Request{Classes: []int{3}, N: 2, Steps: 10, Sampler: "ddim", Guidance: 4, Guiding: pipeline.Guiding{Start: 0.5}})
	assert.Equal(t, 2*(5+2*5), res.Evaluations, "the unconditional half is evaluated where it is used")

	for want, g := range map[string]pipeline.Guiding{
		"tangential": {Type: "cfg++"}, "which eta, norm and momentum are for": {Eta: 0.5}, "0 <= start": {Start: 2},
		"none or more": {ZeroInit: -1}, "largest difference": {Type: "apg", Norm: math.NaN()},
		"less than 1": {Type: "apg", Momentum: 1}, "are of apg": {Type: "zero_star", Momentum: 0.5}, "guidance type : want apg": {Momentum: 0.5},
	} {
		_, err := p.Generate(t.Context(), pipeline.Request{Guidance: 2, Guiding: g})
		require.ErrorContains(t, err, want)
	}
	g := pipeline.Guiding{Type: "apg", Eta: 0.25, Norm: 9, Momentum: -0.75, Start: 0.1, Stop: 0.9, ZeroInit: 2}
	res = generate(t, p, pipeline.Request{Classes: []int{3}, N: 1, Steps: 4, Guidance: 2, Guiding: g})
	back, err := pipeline.ParseParameters(res.Parameters.String())
	require.NoError(t, err)
	assert.Equal(t, g, back.Guiding)
}

func largest(a, b []float32) float64 {
	most := 0.0
	for i := range a {
		most = max(most, math.Abs(float64(a[i])-float64(b[i])))
	}
	return most
}
