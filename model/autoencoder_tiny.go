package model

import "fmt"

// tinyBuilder builds the two graphs of an AutoencoderTiny, a small copy of a larger
// autoencoder, in the order of EncoderTiny and DecoderTiny
// (diffusers/models/autoencoders/vae.py). Layers are numbered in one list.
type tinyBuilder struct {
	*builder
	a    AutoencoderConfig
	part string
	next int // the number of the next layer
}

func newTinyBuilder(file, part string, a AutoencoderConfig) *tinyBuilder {
	return &tinyBuilder{builder: newBuilder(file), a: a, part: part}
}

// layer names the next layer.
func (b *tinyBuilder) layer() string {
	b.next++
	return fmt.Sprintf("%s.layers.%d", b.part, b.next-1)
}

// buildTinyEncoder maps an image within -1..1 to latents.
func buildTinyEncoder(file string, a AutoencoderConfig) (*Graph, error) {
	b := newTinyBuilder(file, "encoder", a)
	h := b.input(InputSample, a.InChannels)
	h = b.add(Affine{Base: b.base("encoder.within_0_1", a.InChannels), X: h, Mul: 0.5, Add: 0.5})
	for i, n := range a.EncoderBlocks {
		if i == 0 {
			h = b.conv(b.layer(), h, a.Width, 3, 1, 1)
		} else {
			h = b.convNoBias(b.layer(), h, a.Width, 2)
		}
		for range n {
			h = b.block(b.layer(), h)
		}
	}
	h = b.conv(b.layer(), h, a.LatentChannels, 3, 1, 1)
	b.g.Outputs = []TensorID{h}
	return b.g, b.err
}

// buildTinyDecoder maps latents, which it holds within -3..3, to an image within -1..1.
func buildTinyDecoder(file string, a AutoencoderConfig) (*Graph, error) {
	b := newTinyBuilder(file, "decoder", a)
	h := b.input(InputSample, a.LatentChannels)
	h = b.scale("decoder.third", h, 1.0/3, 0)
	h = b.act("decoder.tanh", h, Tanh)
	h = b.scale("decoder.thrice", h, 3, 0)
	h = b.conv(b.layer(), h, a.Width, 3, 1, 1)
	h = b.act(b.layer(), h, a.Act)
	for i, n := range a.DecoderBlocks {
		for range n {
			h = b.block(b.layer(), h)
		}
		if i == len(a.DecoderBlocks)-1 {
			h = b.conv(b.layer(), h, a.OutChannels, 3, 1, 1)
			continue
		}
		h = b.resample(b.layer(), h, UpNearest)
		h = b.convNoBias(b.layer(), h, a.Width, 1)
	}
	h = b.scale("decoder.within_-1_1", h, 2, -1)
	b.g.Outputs = []TensorID{h}
	return b.g, b.err
}

// block is AutoencoderTinyBlock for as many channels as it gets:
//
//	y = relu(conv4(act(conv2(act(conv0(x))))) + x)
func (b *tinyBuilder) block(name string, x TensorID) TensorID {
	h := x
	for i := 0; i <= 4; i += 2 {
		h = b.conv(fmt.Sprintf("%s.conv.%d", name, i), h, b.a.Width, 3, 1, 1)
		if i < 4 {
			h = b.act(fmt.Sprintf("%s.conv.%d", name, i+1), h, b.a.Act)
		}
	}
	return b.act(name+".fuse", b.sum(name+".sum", h, x, 1), ReLU)
}

// convNoBias is a 3x3 convolution without a bias.
func (b *tinyBuilder) convNoBias(name string, x TensorID, out, stride int) TensorID {
	in := b.channels[x]
	w := b.param(name+".weight", "", out, in, 3, 3)
	return b.add(Conv2D{Base: b.base(name, out), X: x, Weight: w, Bias: NoParam, Shape: ConvShape{OutC: out,
		InC: in, KH: 3, KW: 3, Stride: stride, PadT: 1, PadL: 1, PadB: 1, PadR: 1}})
}

func (b *tinyBuilder) scale(name string, x TensorID, mul, add float32) TensorID {
	return b.add(Affine{Base: b.base(name, b.channels[x]), X: x, Mul: mul, Add: add})
}
