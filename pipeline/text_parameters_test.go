package pipeline_test

import (
	"image"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestTextParametersRepeat: the text of a result gives the same image again.
func TestTextParametersRepeat(t *testing.T) {
	eta, spacing := 0.7, schedule.Trailing
	for name, c := range map[string]struct {
		folder string
		r      pipeline.TextRequest
	}{
		"defaults":  {"sd15", pipeline.TextRequest{Prompt: prompt, Steps: 2}},
		"scheduler": {"sd15", pipeline.TextRequest{Prompt: prompt, Steps: 2, Params: sampler.Params{Eta: &eta}}},
		"all": {"sd15", pipeline.TextRequest{Prompt: prompt, Negative: "blurry, low quality", N: 2, Seed: 9, RNG: "torch-cpu",
			Height: 24, Width: 32, Sampler: "euler a", Steps: 3, Guidance: 3.25, Params: sampler.Params{Eta: &eta},
			Schedule: schedule.KarrasCurve, Rescale: 0.3, ClipSkip: 1}},
		"guiding": {"sd15", pipeline.TextRequest{Prompt: prompt, Steps: 3, Guidance: 5,
			Guiding: pipeline.Guiding{Type: "apg", Norm: 7, Momentum: -0.5}}},
		"spacing": {"sd15", pipeline.TextRequest{Prompt: prompt, Steps: 2, Sampler: "ddim", Spacing: &spacing}},
		"sizes": {"sdxl", pipeline.TextRequest{Prompt: prompt, Steps: 2, Original: image.Pt(100, 200),
			Target: image.Pt(64, 65), Crop: image.Pt(0, 7)}},
	} {
		t.Run(name, func(t *testing.T) {
			p := openText(t, c.folder, nil)
			want, err := p.Generate(t.Context(), c.r)
			require.NoError(t, err)
			again, err := pipeline.ParseTextParameters(want.Parameters.String())
			require.NoError(t, err)
			require.Equal(t, map[string]string{"Version": "cudiffuse " + pipeline.Version}, again.Extra)
			got, err := p.Generate(t.Context(), again.TextRequest)
			require.NoError(t, err)
			require.Equal(t, want.Parameters, got.Parameters)
			for i := range want.Images {
				requireSame(t, want.Images[i].Latent, got.Images[i].Latent)
			}
		})
	}
}

// TestTextParametersOfOthers reads a text as A1111's program writes it.
func TestTextParametersOfOthers(t *testing.T) {
	p, err := pipeline.ParseTextParameters("a castle,\nby the sea\nNegative prompt: people,\nSteps: of stone\n" +
		"Steps: 20, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 7, Size: 512x768, " +
		`Model: "v1, 5", RNG: CPU, Clip skip: 2, Denoising strength: 0.6, ENSD: 31337`)
	require.NoError(t, err)
	require.Equal(t, pipeline.TextParameters{Model: "v1, 5", Extra: map[string]string{"ENSD": "31337"},
		TextRequest: pipeline.TextRequest{Prompt: "a castle,\nby the sea", Negative: "people,\nSteps: of stone",
			Steps: 20, Sampler: "DPM++ 2M", Schedule: schedule.KarrasCurve, Guidance: 6.5, Seed: 7, Width: 512, Height: 768,
			RNG: "torch-cpu", ClipSkip: 1, Strength: 0.6}}, p)
}

// TestTextParametersText: prompts that look like the other lines stay prompts.
func TestTextParametersText(t *testing.T) {
	p := pipeline.TextParameters{TextRequest: pipeline.TextRequest{Prompt: "Negative prompt: x\nSteps: 3\tY",
		Negative: "Steps: 5", N: 1, Steps: 4, Width: 8, Height: 16, Sampler: "euler"}, Model: "m"}
	text := p.String()
	require.Equal(t, "Negative prompt: x Steps: 3 Y\nNegative prompt: Steps: 5\nSteps: 4, Sampler: euler, Schedule type: "+
		"normal, Seed: 0, Size: 8x16, Model: m, Images: 1, Version: cudiffuse "+pipeline.Version, text)
	q, err := pipeline.ParseTextParameters(text)
	require.NoError(t, err)
	require.Equal(t, "Negative prompt: x Steps: 3 Y", q.Prompt)
	require.Equal(t, "Steps: 5", q.Negative)
	for _, bad := range []string{"", "a prompt", "\nSteps: x", "\nSteps: 1, Size: 5", "\nSteps: 1, Size: axb", "\nSteps: 1, Crop: 3",
		"\nSteps: 1, Clip skip: x", "\nSteps: 1, Denoising strength: x", strings.Repeat("x", 1<<20+1)} {
		_, err := pipeline.ParseTextParameters(bad)
		var request *pipeline.RequestError
		require.ErrorAs(t, err, &request, "%.40s", bad)
	}
}
