package model

// jointAttention is the result of attending to image and text together.
type jointAttention struct {
	image TensorID
	text  TensorID // NoTensor in the last block
}

// attendJoint is diffusers' Attention with JointAttnProcessor2_0: queries of the image x and of
// the text z, each to the keys and values of both. A query's result does not depend on other
// queries, so those of the text are left out where nobody needs them; their weights are in the
// file all the same.
func (b *sd3Builder) attendJoint(name string, x, z TensorID, last bool) jointAttention {
	q, k, v := b.projectImage(name, x)
	k2, v2 := b.project(name, z, "add_k_proj", "norm_added_k"), b.project(name, z, "add_v_proj", "")
	k, v = b.join(name+".keys", k, k2), b.join(name+".values", v, v2)
	y := jointAttention{image: b.heads(name+".attention", q, k, v), text: NoTensor}
	y.image = b.tokenLinear(name+".to_out.0", y.image, b.c.Width(), true)
	if last {
		b.unused(name)
		return y
	}
	q2 := b.project(name, z, "add_q_proj", "norm_added_q")
	y.text = b.heads(name+".attention_context", q2, k, v)
	y.text = b.tokenLinear(name+".to_add_out", y.text, b.c.Width(), true)
	return y
}

// attendSelf is the second attention, of the image to itself.
func (b *sd3Builder) attendSelf(name string, x TensorID) TensorID {
	q, k, v := b.projectImage(name, x)
	return b.tokenLinear(name+".to_out.0", b.heads(name+".attention", q, k, v), b.c.Width(), true)
}

// projectImage makes queries, keys and values of the image.
func (b *sd3Builder) projectImage(name string, x TensorID) (q, k, v TensorID) {
	q, k = b.project(name, x, "to_q", "norm_q"), b.project(name, x, "to_k", "norm_k")
	return q, k, b.project(name, x, "to_v", "")
}

// project makes queries, keys or values, normalised by head if the network does that; norm is
// "" for values.
func (b *sd3Builder) project(name string, x TensorID, layer, norm string) TensorID {
	h := b.tokenLinear(name+"."+layer, x, b.c.Width(), true)
	if !b.c.NormQK || norm == "" {
		return h
	}
	norm = name + "." + norm
	gamma := b.param(norm+".weight", "", b.c.HeadDim)
	return b.add(HeadRMSNorm{Base: b.base(norm, b.c.Width()), X: h, Gamma: gamma, Channels: b.c.Width(),
		Heads: b.c.Heads, Eps: sd3NormEps})
}

// unused takes the weights of the last block's text queries.
func (b *sd3Builder) unused(name string) {
	width := b.c.Width()
	b.param(name+".add_q_proj.weight", "", width, width)
	b.param(name+".add_q_proj.bias", "", width)
	if b.c.NormQK {
		b.param(name+".norm_added_q.weight", "", b.c.HeadDim)
	}
}

func (b *sd3Builder) join(name string, x, z TensorID) TensorID {
	return b.add(JoinTokens{Base: b.base(name, b.c.Width()), A: x, B: z})
}

func (b *sd3Builder) heads(name string, q, k, v TensorID) TensorID {
	return b.add(Attention{Base: b.base(name, b.c.Width()), Q: q, K: k, V: v, Heads: b.c.Heads})
}
