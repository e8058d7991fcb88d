package pipeline_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestBrownianImagesComeTogether: 40 and 80 steps of one seed give nearly the same image along a Brownian path, and
// another one without; the parameters remember it.
func TestBrownianImagesComeTogether(t *testing.T) {
	if testing.Short() {
		t.Skip("four runs of the bundled model")
	}
	p := open(t)
	image := func(steps int, brownian bool) []float32 {
		out, err := p.Generate(t.Context(), pipeline.Request{Classes: []int{3}, Seed: 11, Sampler: "dpmpp_2m_sde", Steps: steps,
			Brownian: brownian})
		require.NoError(t, err)
		return out.Images[0].Sample
	}
	distance := func(a, b []float32) (sum float64) {
		for i := range a {
			d := float64(a[i] - b[i])
			sum += d * d
		}
		return sum / float64(len(a))
	}
	path := distance(image(40, true), image(80, true))
	own := distance(image(40, false), image(80, false))
	t.Logf("mean squared difference of 40 and 80 steps: %.4f along one path, %.4f with noise of their own", path, own)
	require.Less(t, 4*path, own)
}
