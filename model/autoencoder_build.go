package model

import "fmt"

// autoencoderBuilder builds the two graphs of an AutoencoderKL in the order of Encoder
// and Decoder (diffusers/models/autoencoders/vae.py): Esser et al., "Taming Transformers
// for High-Resolution Image Synthesis", 2021, arXiv:2012.09841, table 7. The blocks are
// those of U-Nets, without a time.
type autoencoderBuilder struct {
	*unetBuilder
	a AutoencoderConfig
}

// autoencoderEps is the epsilon of all group norms.
const autoencoderEps = 1e-6

func newAutoencoderBuilder(file string, a AutoencoderConfig) *autoencoderBuilder {
	return &autoencoderBuilder{a: a, unetBuilder: &unetBuilder{builder: newBuilder(file), temb: NoTensor,
		c: UNet2DConfig{Act: a.Act, NormGroups: a.NormGroups, NormEps: autoencoderEps}}}
}

// buildKLEncoder maps an image to mean and logarithm of the variance, one after the
// other along the channels.
func buildKLEncoder(file string, a AutoencoderConfig) (*Graph, error) {
	b := newAutoencoderBuilder(file, a)
	x := b.input(InputSample, a.InChannels)
	h := b.conv("encoder.conv_in", x, a.BlockChannels[0], 3, 1, 1)
	for i, out := range a.BlockChannels {
		name := fmt.Sprintf("encoder.down_blocks.%d", i)
		for j := range a.LayersPerBlock {
			h = b.resnet(fmt.Sprintf("%s.resnets.%d", name, j), h, b.resnetOpts(out))
		}
		if i < len(a.BlockChannels)-1 {
			h = b.downsample(name+".downsamplers.0.conv", h, out, 0)
		}
	}
	h = b.mid("encoder.mid_block", h)
	h = b.norm("encoder.conv_norm_out", h, a.NormGroups, autoencoderEps, SiLU, NoTensor)
	h = b.conv("encoder.conv_out", h, 2*a.LatentChannels, 3, 1, 1)
	if a.QuantConv {
		h = b.conv("quant_conv", h, 2*a.LatentChannels, 1, 1, 0)
	}
	b.g.Outputs = []TensorID{h}
	return b.g, b.err
}

// buildKLDecoder maps latents to an image.
func buildKLDecoder(file string, a AutoencoderConfig) (*Graph, error) {
	b := newAutoencoderBuilder(file, a)
	h := b.input(InputSample, a.LatentChannels)
	if a.PostQuantConv {
		h = b.conv("post_quant_conv", h, a.LatentChannels, 1, 1, 0)
	}
	last := len(a.BlockChannels) - 1
	h = b.conv("decoder.conv_in", h, a.BlockChannels[last], 3, 1, 1)
	h = b.mid("decoder.mid_block", h)
	for i := range a.BlockChannels {
		name, out := fmt.Sprintf("decoder.up_blocks.%d", i), a.BlockChannels[last-i]
		for j := range a.LayersPerBlock + 1 {
			h = b.resnet(fmt.Sprintf("%s.resnets.%d", name, j), h, b.resnetOpts(out))
		}
		if i < last {
			h = b.resample(name+".upsamplers.0", h, UpNearest)
			h = b.conv(name+".upsamplers.0.conv", h, out, 3, 1, 1)
		}
	}
	h = b.norm("decoder.conv_norm_out", h, a.NormGroups, autoencoderEps, SiLU, NoTensor)
	h = b.conv("decoder.conv_out", h, a.OutChannels, 3, 1, 1)
	b.g.Outputs = []TensorID{h}
	return b.g, b.err
}

// mid is UNetMidBlock2D: a resnet, attention of one head, and a resnet.
func (b *autoencoderBuilder) mid(name string, h TensorID) TensorID {
	o := b.resnetOpts(b.channels[h])
	h = b.resnet(name+".resnets.0", h, o)
	if b.a.MidAttention {
		h = b.attention(name+".attentions.0", h, b.a.NormGroups, 1)
	}
	return b.resnet(name+".resnets.1", h, o)
}
