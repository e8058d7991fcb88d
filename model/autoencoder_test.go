package model

import (
	"context"
	"math"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/require"
)

var autoencoderNames = []string{"vae_kl", "vae_flux16", "vae_tiny"}

// autoencoderBound is 5 times the rounding of diffusers' own float32 results, which are
// 1e-6 of numbers up to 2 away from float64.
const autoencoderBound = 1e-5

// autoencoderGolden is what diffusers computed; the tiny one has no logvar.
type autoencoderGolden struct {
	n                          int
	image, latents             []float32
	mean, logVar, decodedImage []float32
}

func openAutoencoder(t testing.TB, name string) (*Autoencoder, autoencoderGolden) {
	a, err := OpenAutoencoder("testdata/" + name)
	require.NoError(t, err)
	f, err := safetensors.Open("testdata/" + name + "/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	var g autoencoderGolden
	for name, dst := range map[string]*[]float32{"in.x": &g.image, "in.z": &g.latents, "out.mean": &g.mean,
		"out.lat": &g.mean, "out.logvar": &g.logVar, "out.dec": &g.decodedImage} {
		if has(f, name) {
			*dst, err = f.Float32s(name)
			require.NoError(t, err)
		}
	}
	x, _ := f.Tensor("in.x")
	g.n = x.Shape[0]
	return a, g
}

// TestAutoencoderGolden holds both halves against diffusers: 4 and 16 channels, with and
// without the convolutions about the latents, and the tiny one.
func TestAutoencoderGolden(t *testing.T) {
	pool := workers.New(2)
	defer pool.Close()
	for _, name := range autoencoderNames {
		a, g := openAutoencoder(t, name)
		c := a.Codec(pool)
		p, err := c.Encode(t.Context(), g.image, g.n, 16, 16)
		require.NoError(t, err)
		require.Equal(t, []int{8, 8}, []int{p.Height, p.Width})
		require.Len(t, p.Mean, len(g.mean))
		require.Len(t, p.LogVar, len(g.logVar))
		y, err := c.Decode(t.Context(), g.latents, g.n, 8, 8)
		require.NoError(t, err)
		require.Len(t, y, len(g.decodedImage))
		dm, dl, dy := maxDiff(g.mean, p.Mean), maxDiff(g.logVar, p.LogVar), maxDiff(g.decodedImage, y)
		t.Logf("%s: max abs difference of mean %.2g, logvar %.2g, image %.2g", name, dm, dl, dy)
		require.LessOrEqual(t, max(dm, dl, dy), autoencoderBound, name)
	}
}

// TestAutoencoderRows: a row has the same bits alone and in a batch, after other sizes.
func TestAutoencoderRows(t *testing.T) {
	pool := workers.New(3)
	defer pool.Close()
	for _, name := range []string{"vae_kl", "vae_tiny"} {
		a, g := openAutoencoder(t, name)
		c := a.Codec(pool)
		p, err := c.Encode(t.Context(), g.image, 2, 16, 16)
		require.NoError(t, err)
		y, err := c.Decode(t.Context(), g.latents, 2, 8, 8)
		require.NoError(t, err)
		_, err = c.Decode(t.Context(), g.latents[:4*5*7], 1, 5, 7)
		require.NoError(t, err)
		odd, err := c.Encode(t.Context(), g.image[:3*9*13], 1, 9, 13)
		require.NoError(t, err)
		want := []int{4, 6}
		if a.Config().Tiny { // its strided convolution rounds up
			want = []int{5, 7}
		}
		require.Equal(t, want, []int{odd.Height, odd.Width})
		for row := range 2 {
			at := func(x []float32) []float32 { return x[row*len(x)/2 : (row+1)*len(x)/2] }
			q, err := c.Encode(t.Context(), at(g.image), 1, 16, 16)
			require.NoError(t, err)
			sameBits(t, at(p.Mean), q.Mean, "%s mean %d", name, row)
			sameBits(t, at(p.LogVar), q.LogVar, "%s logvar %d", name, row)
			one, err := c.Decode(t.Context(), at(g.latents), 1, 8, 8)
			require.NoError(t, err)
			sameBits(t, at(y), one, "%s image %d", name, row)
		}
	}
}

// TestPosterior: the formula, at the ends of the variance's range too.
func TestPosterior(t *testing.T) {
	p := Posterior{Mean: []float32{1, -2, 0}, LogVar: []float32{0, 20, -30}}
	z, err := p.Sample([]float32{0.5, 1, 1})
	require.NoError(t, err)
	require.Equal(t, []float32{1.5, float32(-2 + math.Exp(10)), float32(math.Exp(-15))}, z)
	_, err = p.Sample(nil)
	var e *InputError
	require.ErrorAs(t, err, &e)
	require.Equal(t, []float32{1, -2, 0}, p.Mean)
	z, err = Posterior{Mean: []float32{3}}.Sample([]float32{7})
	require.NoError(t, err)
	require.Equal(t, []float32{3}, z)
}

// TestAutoencoderScale: as the pipelines of diffusers write it, and back.
func TestAutoencoderScale(t *testing.T) {
	a, _ := openAutoencoder(t, "vae_flux16")
	z := []float32{0, 1, -4}
	a.Scale(z)
	require.InDeltaSlice(t, []float32{-0.1159 * 0.3611, (1 - 0.1159) * 0.3611, (-4 - 0.1159) * 0.3611}, z, 1e-6)
	a.Unscale(z)
	require.InDeltaSlice(t, []float32{0, 1, -4}, z, 1e-6)
}

// TestAutoencoderRefuses: wrong sizes and a context that is done.
func TestAutoencoderRefuses(t *testing.T) {
	a, g := openAutoencoder(t, "vae_kl")
	c := a.Codec(nil)
	var in *InputError
	var shape *ShapeError
	_, err := c.Decode(t.Context(), g.latents, 1, 8, 8)
	require.ErrorAs(t, err, &in)
	_, err = c.Decode(t.Context(), nil, 0, 8, 8)
	require.ErrorAs(t, err, &in)
	for _, size := range [][3]int{{0, 4, 4}, {1, 0, 8}, {1, 1 << 14, 1 << 14}, {1, -1, 8}, {1 << 20, 8, 8}} {
		_, err = a.Codec(nil).Encode(t.Context(), g.image, size[0], size[1], size[2])
		require.ErrorAs(t, err, &shape, "%v", size)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.Encode(ctx, g.image, g.n, 16, 16)
	require.ErrorIs(t, err, context.Canceled)
}

// TestAutoencoderConfig: values that are not supported are named.
func TestAutoencoderConfig(t *testing.T) {
	for text, key := range map[string]string{
		`{"_class_name": "AutoencoderDC"}`:                                   "_class_name",
		`{"latents_mean": [0.5]}`:                                            "latents_mean",
		`{"latents_std": [0.5]}`:                                             "latents_std",
		`{"down_block_types": ["AttnDownEncoderBlock2D"]}`:                   "down_block_types",
		`{"up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D"]}`:       "up_block_types",
		`{"block_out_channels": []}`:                                         "block_out_channels",
		`{"block_out_channels": [48]}`:                                       "norm_num_groups",
		`{"act_fn": null}`:                                                   "act_fn",
		`{"act_fn": "snake"}`:                                                "act_fn",
		`{"scaling_factor": 0}`:                                              "scaling_factor",
		`{"scaling_factor": null}`:                                           "scaling_factor",
		`{"shift_factor": "a"}`:                                              "shift_factor",
		`{"latent_channels": 1e9}`:                                           "latent_channels",
		`{"use_tiling": true}`:                                               "use_tiling",
		`{"sample_size": 0}`:                                                 "sample_size",
		`{"_class_name": "AutoencoderTiny", "upsample_fn": "linear"}`:        "upsample_fn",
		`{"_class_name": "AutoencoderTiny", "upsampling_scaling_factor": 4}`: "upsampling_scaling_factor",
		`{"_class_name": "AutoencoderTiny", "num_encoder_blocks": [1]}`:      "num_encoder_blocks",
		`{"_class_name": "AutoencoderTiny", "norm_num_groups": 8}`:           "norm_num_groups",
		`{"_class_name": "AutoencoderTiny", "encoder_block_out_channels": [8, 16, 16, 16]}`: "encoder_block_out_channels",
		`{"_class_name": "AutoencoderTiny", "decoder_block_out_channels": [64, 1e5]}`:       "decoder_block_out_channels",
		`{"_class_name": "AutoencoderTiny", "encoder_block_out_channels": null}`:            "encoder_block_out_channels",
	} {
		_, err := newAutoencoder("config.json", []byte(text), func(*Graph) (*Weights, error) { return nil, nil })
		var e *ConfigError
		require.ErrorAs(t, err, &e, text)
		require.Equal(t, key, e.Key, text)
	}
}

// TestAutoencoderReal counts the weights of published autoencoders: of Stable Diffusion,
// of FLUX, and their tiny copy.
func TestAutoencoderReal(t *testing.T) {
	const kl = `{"block_out_channels": [128, 256, 512, 512], "layers_per_block": 2,
		"down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
		"up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"],
		"sample_size": 512`
	for config, params := range map[string]int{
		kl + `}`: 83653863,
		kl + `, "latent_channels": 16, "use_quant_conv": false, "use_post_quant_conv": false}`: 83819683,
		`{"_class_name": "AutoencoderTiny"}`:                                                   2445063,
	} {
		a, err := newAutoencoder("config.json", []byte(config), func(*Graph) (*Weights, error) { return nil, nil })
		require.NoError(t, err)
		require.Equal(t, params, a.Params())
		if h := a.Encoder().Height(); h > 0 {
			require.Equal(t, 512, h)
			require.Equal(t, 64, a.Decoder().Height())
		}
	}
}

// TestAutoencoderWeightErrors: tensors that do not fit are named with their file.
func TestAutoencoderWeightErrors(t *testing.T) {
	for _, x := range []struct {
		want WeightError
		edit func(d []safetensors.Data) []safetensors.Data
	}{
		{WeightError{weightFile, "decoder.conv_in.weight", "shape [32 4 3 3]", "shape [4 32 3 3]", safetensors.ErrShape},
			func(d []safetensors.Data) []safetensors.Data {
				find(d, "decoder.conv_in.weight").Shape = []int{4, 32, 3, 3}
				return d
			}},
		{WeightError{weightFile, "quant_conv.bias", "shape [8]", "nothing", safetensors.ErrMissing},
			func(d []safetensors.Data) []safetensors.Data {
				find(d, "quant_conv.bias").Name = "loss.bias"
				return d
			}},
		{WeightError{weightFile, "loss.bias", "no such tensor", "one of shape [2]", errUnexpected},
			func(d []safetensors.Data) []safetensors.Data {
				return append(d, safetensors.Data{Name: "loss.bias", Shape: []int{2}, F32: make([]float32, 2)})
			}},
	} {
		_, err := OpenAutoencoder(copyModel(t, "vae_kl", x.edit))
		var e *WeightError
		require.ErrorAs(t, err, &e)
		require.Equal(t, x.want, *e)
	}
	// Names of the attention in old files.
	_, err := OpenAutoencoder(copyModel(t, "vae_kl", func(d []safetensors.Data) []safetensors.Data {
		for _, part := range []string{"encoder", "decoder"} {
			for name, old := range map[string]string{"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"} {
				for _, kind := range []string{".weight", ".bias"} {
					block := part + ".mid_block.attentions.0."
					find(d, block+name+kind).Name = block + old + kind
				}
			}
		}
		return d
	}))
	require.NoError(t, err)
}

// TestAutoencoderPlantedFaults: a weight off by a little fails the comparison.
func TestAutoencoderPlantedFaults(t *testing.T) {
	for model, names := range map[string][]string{
		"vae_kl": {"encoder.conv_in.bias", "encoder.mid_block.attentions.0.to_v.weight", "quant_conv.weight",
			"encoder.down_blocks.0.downsamplers.0.conv.weight", "post_quant_conv.bias",
			"decoder.mid_block.resnets.1.norm2.weight", "decoder.up_blocks.1.resnets.0.conv_shortcut.weight",
			"decoder.up_blocks.0.upsamplers.0.conv.bias", "decoder.conv_norm_out.weight"},
		"vae_tiny": {"encoder.layers.2.weight", "encoder.layers.5.bias", "decoder.layers.5.weight",
			"decoder.layers.6.conv.4.weight"},
	} {
		_, g := openAutoencoder(t, model)
		for _, name := range names {
			a, err := OpenAutoencoder(copyModel(t, model, func(d []safetensors.Data) []safetensors.Data {
				v := find(d, name).F32
				for i := range v {
					v[i] *= 1.02
				}
				return d
			}))
			require.NoError(t, err)
			c := a.Codec(nil)
			p, err := c.Encode(t.Context(), g.image, g.n, 16, 16)
			require.NoError(t, err)
			y, err := c.Decode(t.Context(), g.latents, g.n, 8, 8)
			require.NoError(t, err)
			worst := max(maxDiff(g.mean, p.Mean), maxDiff(g.logVar, p.LogVar), maxDiff(g.decodedImage, y))
			require.Greater(t, worst, 4*autoencoderBound, name)
		}
	}
}
