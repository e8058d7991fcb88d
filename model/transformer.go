package model

import "fmt"

// transformerOptions are the arguments of diffusers' Transformer2DModel that vary.
type transformerOptions struct {
	heads, layers int
	groups        int
	linear        bool // use_linear_projection
	onlyCross     bool // the first attention of a block is to the context too
	context       TensorID
}

// Epsilons that diffusers fixes: of the group norm (transformer_2d.py) and of the layer
// norms (attention.py).
const (
	transformerNormEps = 1e-6
	layerNormEps       = 1e-5
)

// transformer is Transformer2DModel (diffusers/models/transformers/transformer_2d.py)
// for images: with blocks B and the context z,
//
//	y = x + proj_out(B(...B(proj_in(norm(x)), z)..., z))
func (b *builder) transformer(name string, x TensorID, o transformerOptions) TensorID {
	c := b.channels[x]
	dim := c / o.heads
	if dim < 1 {
		b.fail("attention_head_dim", "%s: is %d heads, more than the %d channels", name, o.heads, c)
		o.heads, dim = 1, c
	}
	inner := o.heads * dim // less than c if the heads do not divide it
	h := b.norm(name+".norm", x, o.groups, transformerNormEps, Identity, NoTensor)
	h = b.projection(name+".proj_in", h, inner, o.linear)
	for i := range o.layers {
		h = b.transformerBlock(fmt.Sprintf("%s.transformer_blocks.%d", name, i), h, o)
	}
	h = b.projection(name+".proj_out", h, c, o.linear)
	return b.sum(name+".sum", h, x, 1)
}

// projection is a linear layer over tokens, whose weight is a matrix or that of a 1x1
// convolution.
func (b *builder) projection(name string, x TensorID, out int, matrix bool) TensorID {
	if matrix {
		return b.tokenLinear(name, x, out, true)
	}
	return b.conv(name, x, out, 1, 1, 0)
}

// transformerBlock is BasicTransformerBlock (diffusers/models/attention.py):
//
//	x = x + attn1(norm1(x))          to itself, or to the context with only_cross_attention
//	x = x + attn2(norm2(x), z)
//	x = x + ff(norm3(x))
func (b *builder) transformerBlock(name string, x TensorID, o transformerOptions) TensorID {
	h := b.layerNorm(name+".norm1", x)
	z := h
	if o.onlyCross {
		z = o.context
	}
	x = b.sum(name+".sum1", b.attend(name+".attn1", h, z, o.heads), x, 1)
	h = b.layerNorm(name+".norm2", x)
	x = b.sum(name+".sum2", b.attend(name+".attn2", h, o.context, o.heads), x, 1)
	h = b.layerNorm(name+".norm3", x)
	return b.sum(name+".sum3", b.feedForward(name+".ff", h), x, 1)
}

// attend is diffusers' Attention of x to z, without its residual connection: queries
// from x, keys and values from z, none with a bias.
func (b *builder) attend(name string, x, z TensorID, heads int) TensorID {
	c := b.channels[x]
	q := b.tokenLinear(name+".to_q", x, c, false)
	k := b.tokenLinear(name+".to_k", z, c, false)
	v := b.tokenLinear(name+".to_v", z, c, false)
	h := b.add(Attention{Base: b.base(name+".attention", c), Q: q, K: k, V: v, Heads: heads})
	return b.tokenLinear(name+".to_out.0", h, c, true)
}

// feedForward is diffusers' FeedForward with a GEGLU of four times the width.
func (b *builder) feedForward(name string, x TensorID) TensorID {
	c := b.channels[x]
	h := b.tokenLinear(name+".net.0.proj", x, 8*c, true)
	h = b.add(GEGLU{Base: b.base(name+".net.0", 4*c), X: h})
	return b.tokenLinear(name+".net.2", h, c, true)
}

// tokenLinear is a linear layer over tokens: a 1x1 convolution whose weight is a matrix.
func (b *builder) tokenLinear(name string, x TensorID, out int, bias bool) TensorID {
	in, p := b.channels[x], NoParam
	w := b.param(name+".weight", "", out, in)
	if bias {
		p = b.param(name+".bias", "", out)
	}
	return b.add(Conv2D{Base: b.base(name, out), X: x, Weight: w, Bias: p,
		Shape: ConvShape{OutC: out, InC: in, KH: 1, KW: 1, Stride: 1}})
}

func (b *builder) layerNorm(name string, x TensorID) TensorID {
	c := b.channels[x]
	gamma, beta := b.param(name+".weight", "", c), b.param(name+".bias", "", c)
	return b.add(LayerNorm{Base: b.base(name, c), X: x, Gamma: gamma, Beta: beta,
		Channels: c, Eps: layerNormEps})
}
