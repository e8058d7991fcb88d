package pipeline

import (
	"context"
	"image"
	"math"
	"slices"

	"github.com/cudiffuse/cudiffuse/model"
)

// decode makes an image of the latents of a denoiser, which it leaves as they are, and returns the
// autoencoder's sample beside it.
func (p *TextToImage) decode(ctx context.Context, code *model.Codec, z []float32, j *textJob) (image.Image, []float32, error) {
	for _, v := range z {
		if v != v || math.IsInf(float64(v), 0) {
			return nil, nil, ErrNotFinite
		}
	}
	z = slices.Clone(z)
	p.vae.Unscale(z)
	x, err := code.Decode(ctx, z, 1, j.shape[1], j.shape[2])
	if err != nil {
		return nil, nil, err
	}
	img, err := Pixels(x, 3, j.Height, j.Width)
	return img, x, err
}
