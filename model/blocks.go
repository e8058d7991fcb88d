package model

// resnetOptions are the arguments of diffusers' ResnetBlock2D that vary.
type resnetOptions struct {
	out               int
	groups, groupsOut int
	div               float64       // output_scale_factor
	resample          *ResampleMode // nil: the size stays
	shortcut          bool          // a 1x1 convolution in the shortcut even if the channels agree
}

func modeOf(m ResampleMode) *ResampleMode { return &m }

// resnetOpts are the options of an ordinary block of the given width.
func (b *unetBuilder) resnetOpts(out int) resnetOptions {
	return resnetOptions{out: out, groups: b.c.NormGroups, groupsOut: b.c.NormGroups, div: 1}
}

// resnet is ResnetBlock2D (diffusers/models/resnet.py), with e the activated time
// embedding and R the change of size, if any:
//
//	h = conv1(R(act(norm1(x))))
//	h = act(norm2(h + W e))                         resnet_time_scale_shift default
//	h = act(norm2(h) * (1 + s) + t), [s, t] = W e   scale_shift
//	y = (shortcut(R(x)) + conv2(h)) / div
//
// Networks without a time, whose temb is NoTensor, leave W e out.
func (b *unetBuilder) resnet(name string, x TensorID, o resnetOptions) TensorID {
	eps, act := b.c.NormEps, b.c.Act
	h := b.norm(name+".norm1", x, o.groups, eps, act, NoTensor)
	if o.resample != nil {
		x = b.resample(name+".resample_x", x, *o.resample)
		h = b.resample(name+".resample_h", h, *o.resample)
	}
	h = b.conv(name+".conv1", h, o.out, 3, 1, 1)
	switch {
	case b.temb == NoTensor:
		h = b.norm(name+".norm2", h, o.groupsOut, eps, act, NoTensor)
	case b.c.ScaleShift:
		ss := b.linear(name+".time_emb_proj", b.temb, 2*o.out)
		h = b.norm(name+".norm2", h, o.groupsOut, eps, act, ss)
	default:
		v := b.linear(name+".time_emb_proj", b.temb, o.out)
		h = b.add(AddChannel{Base: b.base(name+".add_time", o.out), X: h, V: v})
		h = b.norm(name+".norm2", h, o.groupsOut, eps, act, NoTensor)
	}
	h = b.conv(name+".conv2", h, o.out, 3, 1, 1)
	if o.shortcut || b.channels[x] != o.out {
		x = b.conv(name+".conv_shortcut", x, o.out, 1, 1, 0)
	}
	return b.sum(name+".sum", h, x, o.div)
}

// downsample is the convolution of diffusers' Downsample2D, which halves the size.
func (b *builder) downsample(name string, h TensorID, out, pad int) TensorID {
	if pad == 0 { // diffusers pads right and bottom only
		return b.convShape(name, h, ConvShape{OutC: out, KH: 3, KW: 3, Stride: 2, PadB: 1, PadR: 1})
	}
	return b.conv(name, h, out, 3, 2, pad)
}

// attention is diffusers' Attention over the pixels with a residual connection
// (attention_processor.py, AttnProcessor2_0). groups 0 means no norm.
func (b *unetBuilder) attention(name string, x TensorID, groups int, div float64) TensorID {
	c := b.channels[x]
	dim := b.c.AttentionHeadDim
	if dim == 0 {
		dim = c
	}
	heads := c / dim
	if heads < 1 {
		b.fail("attention_head_dim", "%s: is %d, more than the %d channels", name, dim, c)
		heads, dim = 1, c
	}
	h := x
	if groups > 0 {
		h = b.norm(name+".group_norm", x, groups, b.c.NormEps, Identity, NoTensor)
	}
	inner := heads * dim // less than c if dim does not divide it
	q := b.pixelwise(name+".to_q", name+".query", h, inner)
	k := b.pixelwise(name+".to_k", name+".key", h, inner)
	v := b.pixelwise(name+".to_v", name+".value", h, inner)
	h = b.add(Attention{Base: b.base(name+".attention", inner), Q: q, K: k, V: v, Heads: heads})
	h = b.pixelwise(name+".to_out.0", name+".proj_attn", h, c)
	return b.sum(name+".sum", h, x, div)
}
