package pipeline_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

// pagCall is a call of diffusers' StableDiffusionPAGPipeline, as make_pag.py made it.
type pagCall struct {
	call
	Layers []string `json:"pag_applied_layers"`
	Skip   []string `json:"pag_skip"`
	Scale  float64  `json:"pag_scale"`
}

func (c pagCall) request() pipeline.TextRequest {
	r := c.call.request()
	r.PAGScale, r.PAGLayers, r.PAGSkip = c.Scale, c.Layers, c.Skip
	return r
}

// TestPAGGolden holds perturbed-attention guidance against diffusers, with classifier-free guidance and without; other
// layers, another scale or none give something else.
func TestPAGGolden(t *testing.T) {
	b, err := os.ReadFile("testdata/pag/calls.json")
	require.NoError(t, err)
	var calls map[string]pagCall
	require.NoError(t, json.Unmarshal(b, &calls))
	require.Len(t, calls, 5)
	f, err := safetensors.Open("testdata/pag/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	p := openText(t, "sd15", nil)
	latents := func(t *testing.T, r pipeline.TextRequest, conds int) []float32 {
		res, err := p.Generate(t.Context(), r)
		require.NoError(t, err)
		require.Equal(t, conds*r.Steps, res.Evaluations)
		return res.Images[0].Latent
	}
	for name, c := range calls {
		t.Run(name, func(t *testing.T) {
			want := floats(t, f, name+".latents")
			conds := 3
			if c.Guidance == 1 {
				conds = 2
			}
			got := distance(t, want, latents(t, c.request(), conds))
			t.Logf("latents %.1e", got)
			require.Less(t, got, 1e-5)
			r := c.request()
			r.PAGScale, r.PAGLayers, r.PAGSkip = 0, nil, nil
			require.Greater(t, distance(t, want, latents(t, r, conds-1)), 1e-2)
			r.PAGScale, r.PAGLayers = c.Scale, []string{"up_blocks.1.attentions.1"}
			require.Greater(t, distance(t, want, latents(t, r, conds)), 2e-4)
			r.PAGLayers, r.PAGSkip = c.Skip, c.Layers // the other way around
			require.Greater(t, distance(t, want, latents(t, r, conds)), 2e-4)
		})
	}
}

// TestPAGParameters: what repeats an image, its default layer named.
func TestPAGParameters(t *testing.T) {
	p := openText(t, "sd15", nil)
	r := pipeline.TextRequest{Prompt: "a cat", Steps: 2, PAGScale: 3}
	first, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, []string{"mid"}, first.Parameters.PAGLayers)
	for _, skip := range [][]string{nil, {"down.block_0", "up"}} {
		r.PAGSkip = skip
		res, err := p.Generate(t.Context(), r)
		require.NoError(t, err)
		parsed, err := pipeline.ParseTextParameters(res.Parameters.String())
		require.NoError(t, err)
		require.Equal(t, res.Parameters.PAGLayers, parsed.PAGLayers)
		require.Equal(t, skip, parsed.PAGSkip)
		again, err := p.Generate(t.Context(), parsed.TextRequest)
		require.NoError(t, err)
		require.Equal(t, res.Images[0].Latent, again.Images[0].Latent)
		require.Equal(t, skip == nil, distance(t, first.Images[0].Latent, again.Images[0].Latent) == 0)
	}
}

// TestPAGLastCondition: samplers that guide by the last condition alone have the prompt there without guidance, as they
// do with a scale too small to show.
func TestPAGLastCondition(t *testing.T) {
	p := openText(t, "sd15", nil)
	r := pipeline.TextRequest{Prompt: "a cat", Sampler: "dpmpp_2m_cfgpp", Steps: 3, Guidance: 1}
	plain, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	r.PAGScale = 1e-6
	perturbed, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	require.Less(t, distance(t, plain.Images[0].Latent, perturbed.Images[0].Latent), 1e-4)
	require.Equal(t, 3*plain.Evaluations, perturbed.Evaluations)
}

// TestPAGInterval: outside the steps that are guided the prompt is alone, and nothing else is evaluated. Of those
// steps' scales none is left.
func TestPAGInterval(t *testing.T) {
	p := openText(t, "sd15", nil)
	r := pipeline.TextRequest{Prompt: "a cat", Steps: 4, Guidance: 1}
	plain, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	r.PAGScale, r.Guiding.Stop = 3, 0.5
	half, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, 2*2+2, half.Evaluations)
	require.Greater(t, distance(t, plain.Images[0].Latent, half.Images[0].Latent), 1e-3)
	r.Guiding = pipeline.Guiding{Start: 0.99, Stop: 1} // int(0.99*4) is 3: the last step
	last, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, 3+2, last.Evaluations)
	r.Guiding = pipeline.Guiding{Start: 0.1, Stop: 0.2} // none
	none, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	require.Equal(t, 4, none.Evaluations)
	require.Equal(t, plain.Images[0].Latent, none.Images[0].Latent)
}

// TestPAGWeighted: the weight of a whole prompt is that of its guidance, not of what perturbs it.
func TestPAGWeighted(t *testing.T) {
	p := openText(t, "sd15", nil)
	r := pipeline.TextRequest{Prompt: "a cat :0.5", Syntax: pipeline.SyntaxA1111, Steps: 2, Guidance: 4, PAGScale: 3}
	half, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	r.Prompt, r.Guidance = "a cat", 2
	same, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	require.Less(t, distance(t, same.Images[0].Latent, half.Images[0].Latent), 1e-5)
	r.Prompt, r.Guidance = "a cat :2", 1 // guided, if by nothing but the weight
	twice, err := p.Generate(t.Context(), r)
	require.NoError(t, err)
	require.Less(t, distance(t, same.Images[0].Latent, twice.Images[0].Latent), 1e-5)
	require.Equal(t, 6, twice.Evaluations)
}

func TestPAGRefuses(t *testing.T) {
	p := openText(t, "sd15", nil)
	for name, r := range map[string]pipeline.TextRequest{
		"negative":         {PAGScale: -1},
		"too large":        {PAGScale: 1e300},
		"layers alone":     {PAGLayers: []string{"mid"}},
		"skip alone":       {PAGSkip: []string{"mid"}},
		"no such layer":    {PAGScale: 3, PAGLayers: []string{"mid", "down_blocks.7"}},
		"part of a number": {PAGScale: 3, PAGLayers: []string{"down_blocks.0.attentions.0.transformer"}},
		"parts":            {PAGScale: 3, Syntax: pipeline.SyntaxA1111, Prompt: "a cat AND a dog"},
		"projection":       {PAGScale: 3, Guiding: pipeline.Guiding{Type: "apg"}},
		"empty":            {PAGScale: 3, PAGSkip: []string{""}},
	} {
		_, err := p.Generate(t.Context(), r)
		var refused *pipeline.RequestError
		require.ErrorAs(t, err, &refused, name)
		require.Contains(t, refused.Field, "pag", name)
	}
}
