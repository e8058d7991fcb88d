package pipeline_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// FuzzParseTextParameters reads any text of a picture: a typed error, or parameters that are written and read alike, in
// memory that the text bounds.
func FuzzParseTextParameters(f *testing.F) {
	f.Add("a cat (b:1.2)\ntwo lines\nNegative prompt: blurry\nSteps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 7.5, " +
		"Seed: 42, Size: 512x512, Model: \"a, b\", Clip skip: 2, Denoising strength: 0.4")
	f.Add("Steps: 1, Size: 99999999999x1, Eta: NaN, Layout: \"\\n\"")
	f.Add("Steps: 2, Mask blur: 1e999, Crop: -1x-1, RNG: x, Exact steps: true, Guidance rescale: -1")
	f.Add("\nNegative prompt: \nSteps: 3, Original size: 0x0, \xff: \xfe, a: , : b")
	f.Add("Steps: " + strings.Repeat("x", 1<<12))
	f.Fuzz(func(t *testing.T, text string) {
		before := allocated()
		p, err := pipeline.ParseTextParameters(text)
		require.Less(t, allocated()-before, uint64(4<<20+100*len(text))) // generous, for the runtime allocates beside us
		if err != nil {
			var e *pipeline.RequestError
			require.ErrorAs(t, err, &e)
			require.Less(t, len(err.Error()), 1000)
			return
		}
		once := p.String()
		q, err := pipeline.ParseTextParameters(once)
		require.NoError(t, err, once)
		require.Equal(t, once, q.String())
	})
}
