package model

import (
	"io/fs"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// Autoencoder maps images to latents and back: diffusers' AutoencoderKL, which Stable
// Diffusion and FLUX have (Rombach et al., 2022, arXiv:2112.10752), or AutoencoderTiny, a
// small copy of one. It holds the weights once, and is safe for concurrent use.
type Autoencoder struct {
	config           AutoencoderConfig
	encoder, decoder *ImageCoder

	encodeTiles, decodeTiles tiling
}

// ImageCoder is one half of an autoencoder. The sample of its graph is an image, or
// latents, of any size that the graph's Shapes takes.
type ImageCoder struct {
	network
	in, out       int
	height, width int
}

var _ Network = (*ImageCoder)(nil)

// OpenAutoencoder loads an autoencoder from a folder with config.json and weights in
// safetensors format, or from a pipeline's folder that has them in vae/. Errors are those
// of [OpenUNet2D].
func OpenAutoencoder(dir string) (*Autoencoder, error) {
	return inFolder(dir, OpenAutoencoderFS)
}

// OpenAutoencoderFS is [OpenAutoencoder] for a folder of a file system.
func OpenAutoencoderFS(fsys fs.FS, dir string) (*Autoencoder, error) {
	file, config, load, err := openPart(fsys, dir, "vae", weightFiles)
	if err != nil {
		return nil, err
	}
	return newAutoencoder(file, config, load)
}

// ParseAutoencoder returns the graphs that the config.json of an autoencoder describes,
// without weights, as [ParseNetwork] does for U-Nets.
func ParseAutoencoder(file string, config []byte) (encoder, decoder *Graph, err error) {
	a, err := newAutoencoder(file, config, func(*Graph) (*Weights, error) { return nil, nil })
	if err != nil {
		return nil, nil, err
	}
	return a.encoder.graph, a.decoder.graph, nil
}

// newAutoencoder builds both halves of a configuration and loads their weights.
func newAutoencoder(file string, config []byte, load loader) (*Autoencoder, error) {
	c, err := parseAutoencoderConfig(file, config)
	if err != nil {
		return nil, err
	}
	encoder, decoder := buildKLEncoder, buildKLDecoder
	if c.Tiny {
		encoder, decoder = buildTinyEncoder, buildTinyDecoder
	}
	enc, err := encoder(file, c)
	if err != nil {
		return nil, err
	}
	dec, err := decoder(file, c)
	if err != nil {
		return nil, err
	}
	a := &Autoencoder{config: c, encoder: &ImageCoder{in: c.InChannels, out: c.LatentChannels},
		decoder: &ImageCoder{in: c.LatentChannels, out: c.OutChannels}}
	if !c.Tiny { // mean and variance
		a.encoder.out *= 2
	}
	if err := a.load(file, enc, dec, load); err != nil {
		return nil, err
	}
	return a, nil
}

// load reads the weights of both graphs, which are in the same files.
func (a *Autoencoder) load(file string, enc, dec *Graph, load loader) (err error) {
	c, noWeights := a.config, func(*Graph) (*Weights, error) { return nil, nil }
	if a.encoder.network, err = newNetwork(file, enc, c.SampleHeight, c.SampleWidth, noWeights); err != nil {
		return err
	}
	if a.decoder.network, err = newNetwork(file, dec, 0, 0, noWeights); err != nil {
		return err
	}
	a.encoder.height, a.encoder.width = c.SampleHeight, c.SampleWidth
	if c.SampleHeight > 0 {
		shapes, err := enc.Shapes(c.SampleHeight, c.SampleWidth)
		if err != nil {
			return err
		}
		latents := shapes[enc.Outputs[0]]
		a.decoder.height, a.decoder.width = latents.H, latents.W
	}
	both, err := load(&Graph{Params: append(append([]Param{}, enc.Params...), dec.Params...)})
	if err != nil || both == nil {
		return err
	}
	n := len(enc.Params)
	if a.encoder.weights, err = bindWeights(enc, both.data[:n]); err != nil {
		return err
	}
	a.decoder.weights, err = bindWeights(dec, both.data[n:])
	return err
}

// Config returns the configuration with defaults filled in. The caller must not change
// its lists.
func (a *Autoencoder) Config() AutoencoderConfig { return a.config }

// Encoder maps an image, [N, C, H, W] within -1..1, to mean and logarithm of the variance
// of its latents along the channels, or with AutoencoderTiny to the latents.
func (a *Autoencoder) Encoder() *ImageCoder { return a.encoder }

// Decoder maps latents to an image, about -1..1.
func (a *Autoencoder) Decoder() *ImageCoder { return a.decoder }

// Params is the number of weights of both halves.
func (a *Autoencoder) Params() int { return a.encoder.Params() + a.decoder.Params() }

// Scale makes of latents, in place, what a denoiser works on:
// (z - ShiftFactor) * ScalingFactor.
func (a *Autoencoder) Scale(z []float32) {
	shift, scale := float32(a.config.ShiftFactor), float32(a.config.ScalingFactor)
	for i, v := range z {
		z[i] = (v - shift) * scale
	}
}

// Unscale makes latents, in place, of what a denoiser gives: z / ScalingFactor +
// ShiftFactor.
func (a *Autoencoder) Unscale(z []float32) {
	shift, scale := float32(a.config.ShiftFactor), float32(a.config.ScalingFactor)
	for i, v := range z {
		z[i] = float32(v/scale) + shift
	}
}

// Channels is the number of channels of the input.
func (c *ImageCoder) Channels() int { return c.in }

// OutChannels is the number of channels of the output.
func (c *ImageCoder) OutChannels() int { return c.out }

// Height is the height of the input the network was made for, 0 if the file does not say.
func (c *ImageCoder) Height() int { return c.height }

// Width is the width of the input the network was made for, 0 if the file does not say.
func (c *ImageCoder) Width() int { return c.width }

// Classes is 0.
func (c *ImageCoder) Classes() int { return 0 }

// Compile makes an executor for up to batch inputs of height x width. A nil pool runs on
// one thread. Errors are [*ShapeError].
func (c *ImageCoder) Compile(batch, height, width int, pool *workers.Pool) (*Executor, error) {
	return NewExecutor(c.graph, c.weights, batch, height, width, pool)
}
