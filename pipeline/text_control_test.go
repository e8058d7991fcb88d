package pipeline_test

import (
	"encoding/json"
	"image"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

// openControl opens the pipeline of sd15 with the ControlNet of make_control.py, and its control image.
func openControl(t *testing.T) (*pipeline.TextToImage, image.Image, *safetensors.File) {
	p, err := pipeline.OpenText("testdata/sd15", pipeline.Options{Threads: 2, ControlNet: "testdata/control/controlnet"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	f, err := safetensors.Open("testdata/control/golden.safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	img, err := pipeline.Pixels(signed(floats(t, f, "image")), 3, 16, 24)
	require.NoError(t, err)
	return p, img, f
}

// TestControlGolden holds the latents against those of diffusers' StableDiffusionControlNetPipeline from the same
// seed; without the control image, or with another scale or mode, they are others.
func TestControlGolden(t *testing.T) {
	b, err := os.ReadFile("testdata/control/calls.json")
	require.NoError(t, err)
	var calls map[string]struct {
		call
		Scale float64 `json:"controlnet_conditioning_scale"`
		Guess bool    `json:"guess_mode"`
	}
	require.NoError(t, json.Unmarshal(b, &calls))
	p, img, f := openControl(t)
	require.True(t, p.Info().Control)
	for name, c := range calls {
		r := c.request()
		r.Control, r.ControlScale, r.ControlGuess = img, c.Scale, c.Guess
		want := floats(t, f, name+".latents")
		run := func(r pipeline.TextRequest) float64 {
			res, err := p.Generate(t.Context(), r)
			require.NoError(t, err)
			return distance(t, want, res.Images[0].Latent)
		}
		d := run(r)
		t.Logf("%s: latents %.1e", name, d)
		require.Less(t, d, 1e-5)
		other := r
		other.ControlScale *= 1.01
		require.Greater(t, run(other), 3e-5, name)
		other = r
		other.ControlGuess = !r.ControlGuess
		require.Greater(t, run(other), 1e-4, name)
		other = r
		other.Control, other.ControlScale, other.ControlGuess = nil, 0, false
		require.Greater(t, run(other), 1e-3, name)
	}
}

// TestControlSize: the size of the control image is that of the image.
func TestControlSize(t *testing.T) {
	p, img, _ := openControl(t)
	res, err := p.Generate(t.Context(), pipeline.TextRequest{Prompt: "a cat", Control: img, Steps: 1})
	require.NoError(t, err)
	require.Equal(t, image.Pt(24, 16), res.Images[0].Bounds().Size())
	require.Equal(t, 1.0, res.Parameters.ControlScale)
}

// TestControlParameters: scale and mode are read back from the text of the parameters.
func TestControlParameters(t *testing.T) {
	p := pipeline.TextParameters{TextRequest: pipeline.TextRequest{Prompt: "a cat", Steps: 4, Guidance: 5, N: 1,
		ControlScale: 0.4, ControlGuess: true}, Scheduler: "DDIMScheduler"}
	got, err := pipeline.ParseTextParameters(p.String())
	require.NoError(t, err)
	require.Equal(t, 0.4, got.ControlScale)
	require.True(t, got.ControlGuess)
	require.NotContains(t, got.Extra, "Control scale")
}

// TestControlRefuses: requests and folders that cannot be right.
func TestControlRefuses(t *testing.T) {
	p, img, _ := openControl(t)
	plain := openText(t, "sd15", nil)
	for name, x := range map[string]struct {
		p     *pipeline.TextToImage
		r     pipeline.TextRequest
		field string
	}{
		"no ControlNet": {plain, pipeline.TextRequest{Control: img}, "control"},
		"size":          {p, pipeline.TextRequest{Control: img, Height: 16, Width: 16}, "control"},
		"empty":         {p, pipeline.TextRequest{Control: image.NewNRGBA(image.Rectangle{})}, "control"},
		"overflow": {p, pipeline.TextRequest{Control: drawn{bounds: image.Rectangle{Min: image.Pt(math.MaxInt-8, 0),
			Max: image.Pt(math.MinInt+7, 16)}}}, "control"},
		"scale":    {p, pipeline.TextRequest{Control: img, ControlScale: math.NaN()}, "control scale"},
		"large":    {p, pipeline.TextRequest{Control: img, ControlScale: 1e39}, "control scale"},
		"no image": {p, pipeline.TextRequest{ControlScale: 1}, "control scale"},
		"guess":    {p, pipeline.TextRequest{ControlGuess: true}, "control scale"},
	} {
		_, err := x.p.Generate(t.Context(), x.r)
		var e *pipeline.RequestError
		require.ErrorAs(t, err, &e, name)
		require.Equal(t, x.field, e.Field, name)
	}
	var open *pipeline.OpenError
	_, err := pipeline.OpenText("testdata/sd15", pipeline.Options{ControlNet: "testdata/nothing"})
	require.ErrorAs(t, err, &open)
	require.Equal(t, "testdata/nothing", open.Path)
	var config *model.ConfigError
	_, err = pipeline.OpenText("testdata/sd15", pipeline.Options{ControlNet: "../model/testdata/controlnet"})
	require.ErrorAs(t, err, &config)
	var e *pipeline.RequestError
	_, err = pipeline.Bundled(pipeline.Options{ControlNet: "testdata/control/controlnet"})
	require.ErrorAs(t, err, &e)
}
