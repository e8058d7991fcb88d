package pipeline_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestDiffusersNoise: later noise of torch's makes other images than our own from the same start, the same again when the run
// was saved and resumed; where it cannot be it is refused.
func TestDiffusersNoise(t *testing.T) {
	p, err := pipeline.Bundled(pipeline.Options{Threads: 2})
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.Close() })
	r := pipeline.Request{Classes: []int{7}, N: 2, Steps: 5, Sampler: "euler_ancestral", Seed: 3, RNG: "diffusers"}
	want := generate(t, p, r)
	own := r
	own.RNG = "torch-cpu"
	require.NotEqual(t, want.Images[0].Image, generate(t, p, own).Images[0].Image)
	for s, err := range p.Steps(t.Context(), r) {
		require.NoError(t, err)
		if s.Stage == 2 {
			again := r
			again.Resume, err = s.Save()
			require.NoError(t, err)
			require.Equal(t, want.Images[1].Image, generate(t, p, again).Images[1].Image)
			break
		}
	}
	var wrong *pipeline.RequestError
	for _, bad := range []func(*pipeline.Request){
		func(r *pipeline.Request) { r.Brownian = true },
		func(r *pipeline.Request) { r.RNG = "curand" },
	} {
		other := r
		bad(&other)
		_, err := p.Generate(t.Context(), other)
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, "rng", wrong.Field)
	}
	text, err := pipeline.OpenTextFS(os.DirFS("testdata/sd15"), ".", pipeline.Options{Threads: 2})
	require.NoError(t, err)
	t.Cleanup(func() { _ = text.Close() })
	_, err = text.Generate(t.Context(), pipeline.TextRequest{Prompt: "x", Steps: 2, RNG: "curand"})
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "rng", wrong.Field)
}
