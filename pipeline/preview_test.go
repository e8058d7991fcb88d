package pipeline_test

import (
	"image"
	"image/color"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestLatentRGB: each family by its autoencoder, and the color that ComfyUI's factors give to a latent of 1 in the last
// channel: round((factor+bias+1)/2*255), the numbers from comfy/latent_formats.py.
func TestLatentRGB(t *testing.T) {
	for _, x := range []struct {
		name     string
		channels int
		scale    float64
		want     color.NRGBA
	}{
		{"Stable Diffusion 1 and 2", 4, 0.18215, rgb(-0.2120, -0.2616, -0.7177)},
		{"Stable Diffusion XL", 4, 0.13025, rgb(-0.3165+0.1084, -0.2492-0.0175, -0.2188-0.0011)},
		{"Stable Diffusion 3", 16, 1.5305, rgb(-0.1448+0.2394, -0.1463+0.2135, -0.1189+0.1925)},
		{"FLUX", 16, 0.3611, rgb(-0.1262-0.0329, -0.0982-0.0718, -0.0778-0.0851)},
	} {
		f, ok := pipeline.LatentRGBOf(model.AutoencoderConfig{LatentChannels: x.channels, ScalingFactor: x.scale})
		require.True(t, ok)
		require.Equal(t, x.name, f.Name)
		require.Len(t, f.Factors, x.channels)
		z := make([]float32, x.channels*2*3)
		z[(x.channels-1)*6+4] = 1 // row 1, column 1
		img, err := f.Image(z, 2, 3)
		require.NoError(t, err)
		require.Equal(t, image.Rect(0, 0, 3, 2), img.Bounds())
		require.Equal(t, x.want, img.At(1, 1), x.name)
		require.Equal(t, rgb(float64(f.Bias[0]), float64(f.Bias[1]), float64(f.Bias[2])), img.At(1, 0))
		var e *pipeline.RequestError
		for _, size := range [][2]int{{2, 2}, {0, 3}, {-2, -3}, {1 << 62, 4}} {
			_, err = f.Image(z, size[0], size[1])
			require.ErrorAs(t, err, &e)
		}
	}
	_, ok := pipeline.LatentRGBOf(model.AutoencoderConfig{LatentChannels: 16, ScalingFactor: 0.18215})
	require.False(t, ok)
}

func rgb(r, g, b float64) color.NRGBA {
	level := func(v float64) uint8 { return uint8(math.Round((v + 1) / 2 * 255)) }
	return color.NRGBA{level(r), level(g), level(b), 255}
}

// TestQuickPreview: of the size of the latents by the factors, of the image with a small autoencoder.
func TestQuickPreview(t *testing.T) {
	r := pipeline.TextRequest{Prompt: prompt, Steps: 2, Width: 24}
	for dir, want := range map[string]image.Rectangle{"": image.Rect(0, 0, 12, 8), "../model/testdata/vae_tiny": image.Rect(0, 0, 24, 16)} {
		p, err := pipeline.OpenText("testdata/sd15", pipeline.Options{Threads: 2, PreviewModel: dir})
		require.NoError(t, err)
		for s, err := range p.Steps(t.Context(), r) {
			require.NoError(t, err)
			img, err := s.QuickPreview(t.Context(), 0)
			require.NoError(t, err)
			require.Equal(t, want, img.Bounds())
			z, err := s.Denoised(0)
			require.NoError(t, err)
			if dir == "" {
				f, ok := pipeline.LatentRGBOf(p.Autoencoder().Config())
				require.True(t, ok)
				same, err := f.Image(z, 8, 12)
				require.NoError(t, err)
				require.Equal(t, same, img)
				continue
			}
			a, err := model.OpenAutoencoder(dir)
			require.NoError(t, err)
			x, err := a.Codec(nil).Decode(t.Context(), z, 1, 8, 12) // its scaling factor is 1
			require.NoError(t, err)
			same, err := pipeline.Pixels(x, 3, 16, 24)
			require.NoError(t, err)
			require.Equal(t, same, img)
		}
		require.NoError(t, p.Close())
	}
	_, err := pipeline.TextStep{}.QuickPreview(t.Context(), 0)
	require.Error(t, err)
	var e *pipeline.OpenError
	for _, dir := range []string{"testdata/nothing", "../model/testdata/vae_flux16"} {
		_, err = pipeline.OpenText("testdata/sd15", pipeline.Options{PreviewModel: dir})
		require.ErrorAs(t, err, &e)
		require.Equal(t, dir, e.Path)
	}
	var q *pipeline.RequestError
	_, err = pipeline.Bundled(pipeline.Options{PreviewModel: "x"})
	require.ErrorAs(t, err, &q)
}

// TestTiling: an image larger than a tile is decoded and encoded in tiles, the others as without.
func TestTiling(t *testing.T) {
	open := func(o pipeline.Options) *pipeline.TextToImage {
		o.Threads = 2
		p, err := pipeline.OpenText("testdata/sd15", o)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, p.Close()) })
		return p
	}
	plain, tiled, small := open(pipeline.Options{}), open(pipeline.Options{Tiling: true}), open(pipeline.Options{Tiling: true, TileSize: 8})
	draw := func(p *pipeline.TextToImage, r pipeline.TextRequest) pipeline.TextImage {
		r.Prompt, r.Steps = prompt, 2
		res, err := p.Generate(t.Context(), r)
		require.NoError(t, err)
		return res.Images[0]
	}
	for _, r := range []pipeline.TextRequest{{}, {Width: 40}} {
		want, got, other := draw(plain, r), draw(tiled, r), draw(small, r)
		requireSame(t, want.Latent, got.Latent)
		if r.Width == 0 {
			requireSame(t, want.Sample, got.Sample)
		} else {
			require.NotEqual(t, want.Sample, got.Sample)
		}
		require.NotEqual(t, other.Sample, got.Sample)
		from := pipeline.TextRequest{Image: want.Image}
		require.Equal(t, r.Width == 0, distance(t, draw(plain, from).Latent, draw(tiled, from).Latent) == 0)
	}
	res, err := small.Generate(t.Context(), pipeline.TextRequest{Prompt: prompt, Steps: 1})
	require.NoError(t, err)
	par, err := pipeline.ParseTextParameters(res.Parameters.String())
	require.NoError(t, err)
	require.Equal(t, "8", par.Extra["VAE tile"])
	var open1 *pipeline.OpenError
	_, err = pipeline.OpenText("testdata/sd15", pipeline.Options{Tiling: true, TileSize: 10})
	require.ErrorAs(t, err, &open1)
	var e *pipeline.RequestError
	_, err = pipeline.OpenText("testdata/sd15", pipeline.Options{TileSize: 8})
	require.ErrorAs(t, err, &e)
	_, err = pipeline.Bundled(pipeline.Options{Tiling: true})
	require.ErrorAs(t, err, &e)
	p, err := pipeline.Open("testdata/dit", pipeline.Options{Tiling: true})
	require.NoError(t, err)
	require.NoError(t, p.Close())
}
