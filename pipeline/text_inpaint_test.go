package pipeline_test

import (
	"image"
	"image/color"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// window is a mask of w x h that is white in r.
func window(w, h int, r image.Rectangle) image.Image {
	m := image.NewGray(image.Rect(0, 0, w, h))
	for y := r.Min.Y; y < r.Max.Y; y++ {
		for x := r.Min.X; x < r.Max.X; x++ {
			m.SetGray(x, y, color.Gray{Y: 255})
		}
	}
	return m
}

// TestInpaintKeeps: with a network that was not made for in-painting, every sampler gives exactly the image's
// latents where the mask is black, the same ones, and draws the rest; a preview shows them too.
func TestInpaintKeeps(t *testing.T) {
	p := openText(t, "sd15", nil)
	r := pipeline.TextRequest{Prompt: prompt, Steps: 4, Seed: 6, Image: ramp(16, 16), Mask: window(16, 16, image.Rect(4, 6, 12, 16))}
	inside := func(i int) bool { x, y := i%8, i/8%8; return x >= 2 && x < 6 && y >= 3 }
	var first []float32
	for _, name := range []string{"", "euler_ancestral", "heun", "dpmpp_2m_sde", "lcm", "pndm", "consistency"} {
		r.Sampler = name
		res, err := p.GenerateFunc(t.Context(), r, func(s pipeline.TextStep) error {
			z, err := s.Denoised(0)
			if err == nil && first != nil {
				for i, v := range z {
					if !inside(i) {
						require.Equal(t, first[i], v, name)
					}
				}
			}
			return err
		})
		require.NoError(t, err, name)
		z := res.Images[0].Latent
		if first == nil {
			first = z
			continue
		}
		for i, v := range z {
			if inside(i) {
				require.NotEqual(t, first[i], v, "%s: element %d is drawn", name, i)
			} else {
				require.Equal(t, first[i], v, "%s: element %d stays", name, i)
			}
		}
	}
}

// TestInpaintBatch: an image of several is the one of its seed, with either kind of network, and the mask and the
// image under it have an effect where a network takes them.
func TestInpaintBatch(t *testing.T) {
	for _, folder := range []string{"sd15", "sdxl", "inpaint"} {
		p := openText(t, folder, nil)
		require.Equal(t, folder == "inpaint", p.Info().Inpaint)
		require.Equal(t, 4, p.Info().Latents)
		for _, strength := range []float64{0, 0.5} {
			r := pipeline.TextRequest{Prompt: prompt, Steps: 4, Seed: 6, N: 2, Image: ramp(24, 16), Sampler: "euler_ancestral",
				Mask: window(24, 16, image.Rect(4, 6, 12, 16)), Strength: strength}
			res, err := p.Generate(t.Context(), r)
			require.NoError(t, err)
			if strength == 0 {
				require.EqualValues(t, 1, res.Parameters.Strength, "the mask's default")
			}
			require.NotEqual(t, res.Images[0].Latent, res.Images[1].Latent)
			r.N, r.Seed = 1, 7
			one, err := p.Generate(t.Context(), r)
			require.NoError(t, err)
			requireSame(t, one.Images[0].Latent, res.Images[1].Latent)
			r.Mask = window(24, 16, image.Rect(8, 6, 12, 16))
			other, err := p.Generate(t.Context(), r)
			require.NoError(t, err)
			require.NotEqual(t, one.Images[0].Latent, other.Images[0].Latent)
		}
	}
}

// TestInpaintErrors: what does not go with a mask.
func TestInpaintErrors(t *testing.T) {
	img, mask := ramp(16, 16), window(16, 16, image.Rect(0, 0, 8, 8))
	for _, c := range []struct {
		folder, field string
		r             pipeline.TextRequest
	}{
		{"sd15", "mask", pipeline.TextRequest{Mask: mask}},
		{"sd15", "mask", pipeline.TextRequest{Image: img, Mask: window(16, 8, image.Rectangle{})}},
		{"sd15", "mask", pipeline.TextRequest{Image: img, Mask: image.NewGray(image.Rectangle{})}},
		{"sd15", "mask blur", pipeline.TextRequest{Image: img, MaskBlur: 2}},
		{"sd15", "mask blur", pipeline.TextRequest{Image: img, Mask: mask, MaskBlur: -1}},
		{"sd15", "mask blur", pipeline.TextRequest{Image: img, Mask: mask, MaskBlur: math.NaN()}},
		{"sd15", "mask blur", pipeline.TextRequest{Image: img, Mask: mask, MaskBlur: math.Inf(1)}},
		{"sd15", "strength", pipeline.TextRequest{Image: img, Mask: mask, Strength: 1.5}},
		{"inpaint", "mask", pipeline.TextRequest{}},
		{"inpaint", "mask", pipeline.TextRequest{Image: img}},
		{"inpaint", "image", pipeline.TextRequest{Image: img, Mask: mask, Width: 32}},
	} {
		p := openText(t, c.folder, nil)
		_, err := p.Generate(t.Context(), c.r)
		var request *pipeline.RequestError
		require.ErrorAs(t, err, &request)
		require.Equal(t, c.field, request.Field, err)
	}
}
