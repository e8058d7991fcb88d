package pipeline_test

import (
	"context"
	"errors"
	"image"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// prompt is the text of make_pipelines.py.
const prompt = "A photo of a cat in the old castle"

// TestTextInfo: what a folder says of itself, and what diffusers takes by default.
func TestTextInfo(t *testing.T) {
	in := openText(t, "sd15", nil).Info()
	require.Equal(t, pipeline.TextInfo{Name: ".", Class: "StableDiffusionPipeline", Scheduler: "DDIMScheduler",
		Steps: 50, Guidance: 7.5, Height: 16, Width: 16, Factor: 2, Latents: 4}, in)
	in = openText(t, "sdxl", nil).Info()
	require.True(t, in.XL)
	require.Equal(t, 5.0, in.Guidance)
	require.Equal(t, 30, in.Steps)
	in = openText(t, "lcm", nil).Info()
	require.True(t, in.Embedded)
	require.Equal(t, 8.5, in.Guidance)
	require.Equal(t, 4, in.Steps)
}

// TestTextBatch: an image of several is the one that its seed alone gives, bit for bit.
func TestTextBatch(t *testing.T) {
	p := openText(t, "sd15", nil)
	for _, rng := range []string{"", "torch-cpu"} {
		r := pipeline.TextRequest{Prompt: prompt, N: 3, Seed: 40, RNG: rng, Steps: 3, Sampler: "euler a"}
		batch, err := p.Generate(t.Context(), r)
		require.NoError(t, err)
		require.Len(t, batch.Images, 3)
		require.Equal(t, 3*2*3, batch.Evaluations)
		require.Equal(t, "euler_ancestral", batch.Parameters.Sampler)
		require.NotEqual(t, batch.Images[0].Latent, batch.Images[1].Latent)
		r.N, r.Seed = 1, 42
		one, err := p.Generate(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, r.Seed, batch.Images[2].Seed)
		requireSame(t, one.Images[0].Latent, batch.Images[2].Latent)
		requireSame(t, one.Images[0].Sample, batch.Images[2].Sample)
	}
}

// TestTextSteps: progress, previews of an image's size, and what the loop sees last is what Generate gives.
func TestTextSteps(t *testing.T) {
	p := openText(t, "sd15", nil)
	r := pipeline.TextRequest{Prompt: prompt, Steps: 3, Width: 24}
	res, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	stages := 0
	for s, err := range p.Steps(t.Context(), r) {
		require.NoError(t, err)
		stages++
		require.Equal(t, stages, s.Stage)
		require.Equal(t, 3, s.Stages)
		preview, err := s.Preview(t.Context(), 0)
		require.NoError(t, err)
		require.Equal(t, image.Rect(0, 0, 24, 16), preview.Bounds())
		if s.Stage == s.Stages {
			img, err := s.Image(t.Context(), 0)
			require.NoError(t, err)
			require.Equal(t, res.Images[0].Image, img)
		}
		_, err = s.Latent(1)
		require.Error(t, err, "of an image that is not there")
	}
	require.Equal(t, 3, stages)
	_, err = pipeline.TextStep{}.Preview(t.Context(), 0)
	require.ErrorIs(t, err, sampler.ErrClosed)
	_, err = pipeline.TextStep{}.Image(t.Context(), 0)
	require.ErrorIs(t, err, sampler.ErrClosed)
}

// TestTextCancel: a canceled context and an error of the caller's function end a run.
func TestTextCancel(t *testing.T) {
	p := openText(t, "sd15", nil)
	r := pipeline.TextRequest{Prompt: prompt, Steps: 4}
	ctx, cancel := context.WithCancel(t.Context())
	done := 0
	_, err := p.GenerateFunc(ctx, r, func(pipeline.TextStep) error {
		if done++; done == 2 {
			cancel()
		}
		return nil
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 2, done)
	enough := errors.New("enough")
	_, err = p.GenerateFunc(t.Context(), r, func(pipeline.TextStep) error { return enough })
	require.ErrorIs(t, err, enough)
}

// TestTextSamplers: every sampler by name gives a finite image or says why it cannot.
func TestTextSamplers(t *testing.T) {
	p := openText(t, "sd15", nil)
	ran := 0
	for _, name := range sampler.Names() {
		r := pipeline.TextRequest{Prompt: prompt, Steps: 3, Sampler: name}
		res, err := p.Generate(t.Context(), r)
		if err != nil {
			var plan *sampler.PlanError
			require.ErrorAs(t, err, &plan, name)
			continue
		}
		ran++
		require.Equal(t, name, res.Parameters.Sampler)
		require.Len(t, res.Images, 1)
	}
	require.GreaterOrEqual(t, ran, len(sampler.Names())-5)
}

// TestTextLimits: samplers by name limit what the network predicts as the folder's scheduler does. The
// pipelines of Stable Diffusion 1 and 2 overrule the clip.
func TestTextLimits(t *testing.T) {
	for config, limit := range map[string]float32{
		`{"_class_name": "DDIMScheduler", "clip_sample": false}`:                                              1e9,
		`{"_class_name": "DDIMScheduler", "clip_sample": true, "clip_sample_range": 0.5}`:                     0.5,
		`{"_class_name": "DDIMScheduler", "clip_sample": false, "thresholding": true, "sample_max_value": 1}`: 1,
	} {
		for _, name := range []string{"", "dpmpp_1"} {
			p := openText(t, "sdxl", schedulerFile(config))
			res, err := p.Generate(t.Context(), pipeline.TextRequest{Prompt: prompt, Steps: 4, Sampler: name})
			require.NoError(t, err)
			most := slices.Max(res.Images[0].Latent)
			require.LessOrEqual(t, most, limit, config)
			require.Greater(t, most, min(limit, 4)*0.9, config)
		}
	}
}

// TestTextNegative: what the negative prompt changes, and how Stable Diffusion XL takes an empty one.
func TestTextNegative(t *testing.T) {
	for folder, negative := range map[string]string{"sd15": "blurry, low quality", "sdxl": "text, watermark"} {
		p := openText(t, folder, nil)
		latent := func(r pipeline.TextRequest) []float32 {
			r.Prompt, r.Steps = prompt, 2
			res, err := p.Generate(t.Context(), r)
			require.NoError(t, err)
			return res.Images[0].Latent
		}
		require.NotEqual(t, latent(pipeline.TextRequest{}), latent(pipeline.TextRequest{Negative: negative}))
		requireSame(t, latent(pipeline.TextRequest{Guidance: 1}), latent(pipeline.TextRequest{Guidance: 1, Negative: negative}))
	}
}

// TestTextRequestErrors: what a request may not say.
func TestTextRequestErrors(t *testing.T) {
	nan, eta := math.NaN(), 0.5
	for name, c := range map[string]struct {
		folder string
		r      pipeline.TextRequest
		field  string // "" for another error than a RequestError
	}{
		"n":            {"sd15", pipeline.TextRequest{N: -1}, "n"},
		"many":         {"sd15", pipeline.TextRequest{N: 1 << 20}, "n"},
		"rng":          {"sd15", pipeline.TextRequest{RNG: "dice"}, "rng"},
		"odd height":   {"sd15", pipeline.TextRequest{Height: 17}, "height"},
		"neg height":   {"sd15", pipeline.TextRequest{Height: -16}, "height"},
		"huge width":   {"sd15", pipeline.TextRequest{Width: 1 << 40}, "width"},
		"guidance":     {"sd15", pipeline.TextRequest{Guidance: nan}, "guidance"},
		"big guidance": {"sd15", pipeline.TextRequest{Guidance: 1e300}, "guidance"},
		"clip skip":    {"sd15", pipeline.TextRequest{ClipSkip: 9}, "clip skip"},
		"neg skip":     {"sdxl", pipeline.TextRequest{ClipSkip: -1}, "clip skip"},
		"xl skip":      {"sdxl", pipeline.TextRequest{ClipSkip: 3}, "clip skip"},
		"crop":         {"sd15", pipeline.TextRequest{Crop: image.Pt(1, 2)}, "crop"},
		"original":     {"sd15", pipeline.TextRequest{Original: image.Pt(16, 16)}, "original size"},
		"xl target":    {"sdxl", pipeline.TextRequest{Target: image.Pt(-1, 16)}, "target size"},
		"negative":     {"lcm", pipeline.TextRequest{Negative: "blurry"}, "negative"},
		"schedule":     {"sd15", pipeline.TextRequest{Schedule: schedule.KarrasCurve}, "sampler"},
		"params":       {"sd15", pipeline.TextRequest{Params: sampler.Params{Order: 2}}, "sampler"},
		"steps":        {"sd15", pipeline.TextRequest{Steps: 2000, Sampler: "euler"}, "steps"},
		"neg steps":    {"sd15", pipeline.TextRequest{Steps: -1, Sampler: "euler"}, "steps"},
		"own steps":    {"sd15", pipeline.TextRequest{Steps: 2000}, ""},
		"sampler":      {"sd15", pipeline.TextRequest{Sampler: "magic"}, ""},
		"option":       {"sd15", pipeline.TextRequest{Sampler: "lcm", Params: sampler.Params{Eta: &eta}}, ""},
		"rescale":      {"sd15", pipeline.TextRequest{Rescale: 2}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := openText(t, c.folder, nil)
			_, err := p.Generate(t.Context(), c.r)
			require.Error(t, err)
			var r *pipeline.RequestError
			if c.field == "" {
				require.False(t, errors.As(err, &r), err)
				return
			}
			require.ErrorAs(t, err, &r)
			require.Equal(t, c.field, r.Field)
			for s, err := range p.Steps(t.Context(), c.r) {
				require.ErrorAs(t, err, &r)
				require.Zero(t, s.Stage)
			}
		})
	}
}

// TestTextDropped: what of a text does not fit 77 tokens, start and end included.
func TestTextDropped(t *testing.T) {
	p := openText(t, "sdxl", nil)
	require.Equal(t, 0, p.Dropped(""))
	require.Equal(t, 0, p.Dropped(strings.Repeat("a ", 75)))
	require.Equal(t, 5, p.Dropped(strings.Repeat("a ", 80)))
}
