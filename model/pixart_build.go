package model

import "fmt"

// pixartBuilder builds the graph of a PixArtTransformer2DModel in the order of its forward
// method (diffusers/models/transformers/pixart_transformer_2d.py). Names are those of the weights.
type pixartBuilder struct {
	*builder
	c      PixArtConfig
	time   TensorID // the embedding of the time, and of the size of the image
	shared TensorID // the modulation that all blocks share, six parts
	text   TensorID // [N, D, T], what the image attends to
}

// What diffusers fixes: the width of the sinusoidal embeddings (embeddings.py,
// PixArtAlphaCombinedTimestepSizeEmbeddings), the epsilon of the last norm, and the numbers that
// tell the size of the image: height, width and their ratio.
const (
	pixartTimeDim = 256
	pixartLastEps = 1e-6
	pixartSizes   = 3
)

// buildPixArt makes the graph. Errors are [*ConfigError].
func buildPixArt(file string, c PixArtConfig) (*Graph, error) {
	b := &pixartBuilder{builder: newBuilder(file), c: c}
	width := c.Width()
	x, t := b.input(InputSample, c.InChannels), b.input(InputTimestep, 1)
	ctx := b.input(InputContext, c.ContextDim)
	h := b.conv("pos_embed.proj", x, width, c.PatchSize, c.PatchSize, 0)
	h = b.add(GridPositions{Base: b.base("pos_embed", width), X: h,
		Side: c.SampleSize / c.PatchSize, Interpolation: c.Interpolation})
	b.condition(t)
	b.project(ctx)
	for i := range c.Layers {
		h = b.block(fmt.Sprintf("transformer_blocks.%d", i), h)
	}
	v := b.table("scale_shift_table", b.time, 2)
	h = b.adaNorm("norm_out", h, v, 0, 1, pixartLastEps)
	h = b.tokenLinear("proj_out", h, c.PatchSize*c.PatchSize*c.OutChannels, true)
	h = b.add(Unpatchify{Base: b.base("unpatchify", c.OutChannels), X: h, Like: x, Patch: c.PatchSize})
	b.g.Outputs = []TensorID{h}
	return b.g, b.err
}

// condition is AdaLayerNormSingle (diffusers/models/normalization.py): the embedding of the time,
// to which those of the size of the image are added, one beside the other, and of it the
// modulation that the blocks share.
func (b *pixartBuilder) condition(t TensorID) {
	const name = "adaln_single"
	b.time = b.mlp(name+".emb.timestep_embedder", b.sines(name+".emb.time_proj", t), b.c.Width(), SiLU)
	if b.c.MicroConditions {
		b.time = b.sum(name+".emb", b.time, b.sizes(name+".emb"), 1)
	}
	b.shared = b.linear(name+".linear", b.act(name+".silu", b.time, SiLU), blockParts*b.c.Width())
}

// sizes embeds height, width and their ratio, each to a third of the width.
func (b *pixartBuilder) sizes(name string) TensorID {
	ids := b.input(InputTimeIDs, pixartSizes)
	resolution := b.sizeMLP(name + ".resolution_embedder")
	ratio := b.sizeMLP(name + ".aspect_ratio_embedder")
	var parts [pixartSizes]TensorID
	for i, mlp := range [pixartSizes]func(TensorID, int) TensorID{resolution, resolution, ratio} {
		x := b.add(TakeChannel{Base: b.base(fmt.Sprintf("%s.size.%d", name, i), 1), X: ids, Index: i})
		parts[i] = mlp(b.sines(fmt.Sprintf("%s.size_proj.%d", name, i), x), i)
	}
	h := b.concat(name+".resolution", parts[0], parts[1])
	return b.concat(name+".sizes", h, parts[2])
}

// sizeMLP takes the weights of an MLP that several numbers go through, each by itself; the
// number i is only for names.
func (b *pixartBuilder) sizeMLP(name string) func(x TensorID, i int) TensorID {
	dim := b.c.Width() / pixartSizes
	w1, b1 := b.param(name+".linear_1.weight", "", dim, pixartTimeDim), b.param(name+".linear_1.bias", "", dim)
	w2, b2 := b.param(name+".linear_2.weight", "", dim, dim), b.param(name+".linear_2.bias", "", dim)
	return func(x TensorID, i int) TensorID {
		at := fmt.Sprintf("%s.%d", name, i)
		x = b.add(Linear{Base: b.base(at+".linear_1", dim), X: x, Weight: w1, Bias: b1,
			InF: pixartTimeDim, OutF: dim})
		x = b.act(at+".act", x, SiLU)
		return b.add(Linear{Base: b.base(at+".linear_2", dim), X: x, Weight: w2, Bias: b2, InF: dim, OutF: dim})
	}
}

// sines is the sinusoidal embedding of a number.
func (b *pixartBuilder) sines(name string, x TensorID) TensorID {
	return b.add(TimestepEmbedding{Base: b.base(name, pixartTimeDim), T: x, Dim: pixartTimeDim, Flip: true})
}

// project is PixArtAlphaTextProjection, where the network has one (embeddings.py).
func (b *pixartBuilder) project(ctx TensorID) {
	b.text = b.add(SwapAxes{Base: b.base("encoder_hidden_states", b.c.ContextDim), X: ctx})
	if !b.c.ProjectText {
		return
	}
	const name = "caption_projection"
	b.text = b.tokenLinear(name+".linear_1", b.text, b.c.Width(), true)
	b.text = b.act(name+".act_1", b.text, GELUTanh)
	b.text = b.tokenLinear(name+".linear_2", b.text, b.c.Width(), true)
}

// block is a BasicTransformerBlock of norm_type "ada_norm_single" (diffusers/models/attention.py),
// with n the norms that are modulated and g the gates, all of the shared modulation and a table
// of the block:
//
//	x = x + g1 * attn1(n1(x))
//	x = x + attn2(x, text)      with no norm
//	x = x + g2 * ff(n2(x))
func (b *pixartBuilder) block(name string, x TensorID) TensorID {
	width := b.c.Width()
	v := b.table(name+".scale_shift_table", b.shared, blockParts)
	h := b.adaNorm(name+".norm1", x, v, shiftAttn, scaleAttn, b.c.NormEps)
	x = b.gatedAdd(name+".sum1", x, b.attend(name+".attn1", h, h), v, gateAttn)
	x = b.sum(name+".sum2", x, b.attend(name+".attn2", x, b.text), 1)
	h = b.adaNorm(name+".norm2", x, v, shiftMLP, scaleMLP, b.c.NormEps)
	h = b.tokenLinear(name+".ff.net.0.proj", h, 4*width, true)
	h = b.act(name+".ff.net.0", h, b.c.Act)
	h = b.tokenLinear(name+".ff.net.2", h, width, true)
	return b.gatedAdd(name+".sum3", x, h, v, gateMLP)
}

// attend is the attention of x to z, which may be x.
func (b *pixartBuilder) attend(name string, x, z TensorID) TensorID {
	width, bias := b.c.Width(), b.c.AttentionBias
	q := b.tokenLinear(name+".to_q", x, width, bias)
	k := b.tokenLinear(name+".to_k", z, width, bias)
	v := b.tokenLinear(name+".to_v", z, width, bias)
	h := b.add(Attention{Base: b.base(name+".attention", width), Q: q, K: k, V: v, Heads: b.c.Heads})
	return b.tokenLinear(name+".to_out.0", h, width, true)
}

// table adds a table of parts to a vector.
func (b *pixartBuilder) table(name string, x TensorID, parts int) TensorID {
	width := b.c.Width()
	return b.add(AddTable{Base: b.base(name, parts*width), X: x, Table: b.param(name, "", parts, width),
		Parts: parts, Channels: width})
}
