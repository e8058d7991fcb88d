package pipeline_test

import (
	"image"
	"image/color"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// ramp is an image of all levels.
func ramp(w, h int) image.Image {
	img := image.NewNRGBA(image.Rect(3, 5, 3+w, 5+h))
	for i := range w * h {
		img.SetNRGBA(3+i%w, 5+i/w, color.NRGBA{R: uint8(i), G: uint8(255 - i), B: uint8(7 * i), A: 255})
	}
	return img
}

// TestPlanes: an image is what its planes give, and levels 0 and 255 are -1 and 1.
func TestPlanes(t *testing.T) {
	img := ramp(16, 16)
	x := pipeline.Planes(img)
	require.Equal(t, float32(-1), x[0])
	require.Equal(t, float32(1), x[256])
	back, err := pipeline.Pixels(x, 3, 16, 16)
	require.NoError(t, err)
	for i := range 256 {
		require.Equal(t, img.At(3+i%16, 5+i/16), back.At(i%16, i/16))
	}
}

// TestTextImageStart: samplers by name start at the step that diffusers would, whatever the curve, and an
// image of several is the one of its seed.
func TestTextImageStart(t *testing.T) {
	p := openText(t, "sd15", nil)
	spacing := schedule.Trailing
	for _, name := range []string{"dpmpp_2m", "euler", "unipc_bh2", "ddim"} {
		for _, curve := range []schedule.Curve{schedule.ByTimestep, schedule.KarrasCurve} {
			r := pipeline.TextRequest{Prompt: prompt, Steps: 8, Sampler: name, Schedule: curve, Spacing: &spacing, Seed: 6}
			full, err := p.Generate(t.Context(), r)
			require.NoError(t, err)
			r.Image, r.Strength, r.N = ramp(16, 16), 0.4, 2 // int(3.2) steps
			res, err := p.Generate(t.Context(), r)
			require.NoError(t, err)
			require.Equal(t, 3, res.Plan.Steps())
			require.Equal(t, res.Plan.Evaluations()*2*2, res.Evaluations)
			want, got := full.Plan.Stages, res.Plan.Stages
			want = want[len(want)-len(got):]
			for i := range got {
				require.InEpsilon(t, want[i].At.Sigma, got[i].At.Sigma, 1e-6, name)
				require.InEpsilon(t, want[i].At.T, got[i].At.T, 1e-6, name)
			}
			r.N, r.Seed = 1, 7
			one, err := p.Generate(t.Context(), r)
			require.NoError(t, err)
			requireSame(t, one.Images[0].Latent, res.Images[1].Latent)
			require.NotEqual(t, res.Images[0].Latent, res.Images[1].Latent)
		}
	}
}

// TestTextImageStrength: with little strength more of the image is left.
func TestTextImageStrength(t *testing.T) {
	p := openText(t, "sd15", nil)
	img := ramp(16, 16)
	post, err := p.Autoencoder().Codec(nil).Encode(t.Context(), pipeline.Planes(img), 1, 16, 16)
	require.NoError(t, err)
	want := post.Mean
	p.Autoencoder().Scale(want)
	far := func(strength float64) (sum float64) {
		res, err := p.Generate(t.Context(), pipeline.TextRequest{Prompt: prompt, Steps: 20, Image: img, Strength: strength})
		require.NoError(t, err)
		for i, z := range res.Images[0].Latent {
			sum += math.Pow(float64(z-want[i]), 2)
		}
		return sum
	}
	require.Less(t, far(0.05), far(0.5)/10)
	require.Less(t, far(0.5), far(1))
}

// TestTextImageErrors: what does not go with an image.
func TestTextImageErrors(t *testing.T) {
	p := openText(t, "sd15", nil)
	img := ramp(16, 16)
	for field, r := range map[string]pipeline.TextRequest{
		"image":    {Image: img, Width: 32},
		"width":    {Image: ramp(15, 16)},
		"strength": {Image: img, Strength: 1.5},
		"sampler":  {Image: img, Strength: 0.5},
	} {
		p := p
		if field == "sampler" { // a multistep one cannot start at a later step
			p = openText(t, "sd15", schedulerFile(`{"_class_name": "UniPCMultistepScheduler", "beta_schedule": "scaled_linear"}`))
		}
		r.Prompt = prompt
		_, err := p.Generate(t.Context(), r)
		var request *pipeline.RequestError
		require.ErrorAs(t, err, &request, field)
		require.Equal(t, field, request.Field)
	}
	for _, strength := range []float64{-1, math.NaN(), 0.01} {
		for _, name := range []string{"", "euler"} {
			_, err := p.Generate(t.Context(), pipeline.TextRequest{Image: img, Strength: strength, Steps: 4, Sampler: name})
			var request *pipeline.RequestError
			require.ErrorAs(t, err, &request)
			require.Equal(t, "strength", request.Field)
		}
	}
	_, err := p.Generate(t.Context(), pipeline.TextRequest{Strength: 0.5})
	require.Error(t, err, "without an image")
	_, err = p.Generate(t.Context(), pipeline.TextRequest{Image: image.NewGray(image.Rectangle{})})
	require.Error(t, err, "of an empty image")
}
