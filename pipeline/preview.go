package pipeline

import (
	"context"
	"fmt"
	"image"
	"slices"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// openDecoding sets up how latents become images: tiles, and the small autoencoder of previews.
func (p *TextToImage) openDecoding(o Options, shown string) (err error) {
	if p.vae, err = tile(p.vae, o, shown); err != nil {
		return err
	}
	if p.vae.Config().Tiny {
		p.preview = p.vae
	}
	if o.PreviewModel == "" {
		return nil
	}
	a, err := model.OpenAutoencoder(o.PreviewModel)
	if err != nil {
		return &OpenError{Path: o.PreviewModel, Err: err}
	}
	if c, want := a.Config(), p.vae.Config().LatentChannels; c.LatentChannels != want || c.OutChannels != 3 {
		return &OpenError{Path: o.PreviewModel, Err: fmt.Errorf("%d channels of %d of latents: want 3 of %d, as vae has",
			c.OutChannels, c.LatentChannels, want)}
	}
	p.preview = a
	return nil
}

// tile makes an autoencoder work in tiles, where they are asked for.
func tile(vae *model.Autoencoder, o Options, shown string) (*model.Autoencoder, error) {
	switch {
	case !o.Tiling && o.TileSize != 0:
		return nil, &RequestError{Field: "tile size", Value: o.TileSize, Want: "none without tiling"}
	case !o.Tiling:
		return vae, nil
	case vae == nil:
		return nil, &RequestError{Field: "tiling", Value: true, Want: "none: the model has no autoencoder"}
	}
	tiled, err := vae.WithTiling(o.TileSize)
	if err != nil {
		return nil, &OpenError{Path: shown, Detail: "vae", Err: err}
	}
	return tiled, nil
}

// openClassDecoding is openDecoding for models without texts.
func (p *Pipeline) openClassDecoding(o Options, shown string) (err error) {
	if o.PreviewModel != "" {
		return &RequestError{Field: "preview model", Value: fmt.Sprintf("%.80q", o.PreviewModel), Want: "none, or a text-to-image model"}
	}
	p.vae, err = tile(p.vae, o, shown)
	return err
}

// QuickPreview is a cheap [TextStep.Preview] of image i: of [Options.PreviewModel] or, without one, of the size of the
// latents by [LatentRGB]. Where neither is there the error is [ErrNoPreview]. That of the last step shows the finished
// image, and is shown to [Options.Safety] too.
func (s TextStep) QuickPreview(ctx context.Context, i int) (image.Image, error) {
	if s.p == nil {
		return nil, sampler.ErrClosed
	}
	img, err := s.quickPreview(ctx, i)
	return s.approved(img, i, err)
}

func (s TextStep) quickPreview(ctx context.Context, i int) (image.Image, error) {
	rgb, ok := LatentRGBOf(s.p.vae.Config())
	if s.p.preview == nil && !ok {
		return nil, ErrNoPreview
	}
	z, err := s.Denoised(i)
	if err != nil {
		return nil, err
	}
	if !finite(z) {
		return nil, ErrNotFinite
	}
	h, w := s.j.shape[1], s.j.shape[2]
	a := s.p.preview
	if a == nil {
		return rgb.Image(z, h, w)
	}
	z = slices.Clone(z)
	a.Unscale(z)
	g := a.Decoder().Graph()
	shapes, err := g.Shapes(h, w)
	if err != nil {
		return nil, err
	}
	x, err := s.p.parts.codec(a).Decode(ctx, z, 1, h, w)
	if err != nil {
		return nil, err
	}
	out := shapes[g.Outputs[0]]
	return Pixels(x, 3, out.H, out.W)
}
