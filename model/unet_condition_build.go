package model

import "fmt"

// conditionBuilder builds the graph of a UNet2DConditionModel in the order of its
// forward method (diffusers/models/unets/unet_2d_condition.py). Resnets and embeddings
// are those of UNet2DModel.
type conditionBuilder struct {
	*unetBuilder
	cond    UNetConditionConfig
	context TensorID // [N, D, T, 1]
	// extra is what is added to result i of the down path, and after them to that of the
	// middle block; nil for nothing.
	extra func(i int, to TensorID) TensorID
}

// newConditionBuilder makes a builder without operations.
func newConditionBuilder(file string, c UNetConditionConfig) *conditionBuilder {
	b := &conditionBuilder{cond: c, unetBuilder: &unetBuilder{builder: newBuilder(file),
		c: UNet2DConfig{TimeEmbedding: "positional", TimeEmbeddingDim: c.TimeEmbeddingDim,
			FreqShift: c.FreqShift, FlipSinToCos: c.FlipSinToCos, BlockChannels: c.BlockChannels,
			Act: c.Act, NormGroups: c.NormGroups, NormEps: c.NormEps, ScaleShift: c.ScaleShift,
			ClassEmbedding: c.ClassEmbedding, NumClasses: c.NumClasses},
		embedAct: c.Act, timeCond: c.TimeCondDim}}
	return b
}

// begin makes the inputs and embeds the time; it returns what the first convolution takes.
func (b *conditionBuilder) begin() TensorID {
	c := b.cond
	h := b.input(InputSample, c.InChannels)
	t := b.input(InputTimestep, 1)
	ctx := b.input(InputContext, c.CrossAttentionDim)
	if c.CenterInput {
		h = b.add(Affine{Base: b.base("center_input_sample", c.InChannels), X: h, Mul: 2, Add: -1})
	}
	emb := b.embedding(t)
	if c.TimeIDs > 0 {
		emb = b.addition(emb)
	}
	if c.TimeEmbeddingAct != Identity {
		emb = b.act("time_embed_act", emb, c.TimeEmbeddingAct)
	}
	b.temb = b.act("time_embedding.nonlinearity", emb, c.Act)
	b.context = NoTensor
	if b.attends() {
		b.context = b.add(SwapAxes{Base: b.base("encoder_hidden_states", c.CrossAttentionDim), X: ctx})
	}
	return h
}

// buildUNetCondition makes the graph. Errors are [*ConfigError].
func buildUNetCondition(file string, c UNetConditionConfig) (*Graph, error) {
	b := newConditionBuilder(file, c)
	b.unet()
	return b.g, b.err
}

// unet is the network, whose result is the graph's output.
func (b *conditionBuilder) unet() {
	c := b.cond
	h := b.begin()
	h = b.conv("conv_in", h, c.BlockChannels[0], c.ConvInKernel, 1, c.ConvInKernel/2)
	b.skips = append(b.skips, h)
	for i := range c.DownBlocks {
		h = b.down(i, h)
	}
	for i, skip := range b.skips {
		b.skips[i] = b.join("down_block_additional_residuals", i, skip)
	}
	h = b.join("mid_block_additional_residual", len(b.skips), b.mid(h))
	for i := range c.UpBlocks {
		h = b.up(i, h)
	}
	h = b.norm("conv_norm_out", h, c.NormGroups, c.NormEps, c.Act, NoTensor)
	h = b.conv("conv_out", h, c.OutChannels, c.ConvOutKernel, 1, c.ConvOutKernel/2)
	b.g.Outputs = []TensorID{h}
}

// join adds what extra says.
func (b *conditionBuilder) join(name string, i int, x TensorID) TensorID {
	if b.extra == nil {
		return x
	}
	return b.sum(fmt.Sprintf("%s.%d", name, i), x, b.extra(i, x), 1)
}

// attends says whether any block looks at the context.
func (b *conditionBuilder) attends() bool {
	for i := range b.cond.BlockChannels {
		if b.cond.hasAttention(i) {
			return true
		}
	}
	return false
}

// options are those of the transformers of a level. The middle block does not look at
// only_cross_attention, hence the argument.
func (b *conditionBuilder) options(level int, onlyCross bool) transformerOptions {
	c := b.cond
	return transformerOptions{heads: c.AttentionHeads[level], layers: c.TransformerLayers[level],
		groups: c.NormGroups, linear: c.LinearProjection, onlyCross: onlyCross, context: b.context}
}

// down is DownBlock2D or CrossAttnDownBlock2D.
func (b *conditionBuilder) down(i int, h TensorID) TensorID {
	c, name := b.cond, fmt.Sprintf("down_blocks.%d", i)
	out := c.BlockChannels[i]
	for j := range c.LayersPerBlock[i] {
		h = b.resnet(fmt.Sprintf("%s.resnets.%d", name, j), h, b.resnetOpts(out))
		if c.DownBlocks[i] == "CrossAttnDownBlock2D" {
			h = b.transformer(fmt.Sprintf("%s.attentions.%d", name, j), h,
				b.options(i, c.OnlyCrossAttention[i]))
		}
		b.skips = append(b.skips, h)
	}
	if i == len(c.DownBlocks)-1 {
		return h
	}
	h = b.downsample(name+".downsamplers.0.conv", h, out, c.DownsamplePadding)
	b.skips = append(b.skips, h)
	return h
}

// mid is UNetMidBlock2DCrossAttn: resnet, transformer, resnet; or UNetMidBlock2D, which
// diffusers makes of one resnet here; or nothing.
func (b *conditionBuilder) mid(h TensorID) TensorID {
	c := b.cond
	if c.MidBlock == "" {
		return h
	}
	last := len(c.BlockChannels) - 1
	o := b.resnetOpts(c.BlockChannels[last])
	o.div = c.MidBlockScale
	h = b.resnet("mid_block.resnets.0", h, o)
	if c.MidBlock == "UNetMidBlock2D" {
		return h
	}
	h = b.transformer("mid_block.attentions.0", h, b.options(last, false))
	return b.resnet("mid_block.resnets.1", h, o)
}

// up is UpBlock2D or CrossAttnUpBlock2D.
func (b *conditionBuilder) up(i int, h TensorID) TensorID {
	c, name := b.cond, fmt.Sprintf("up_blocks.%d", i)
	level := len(c.UpBlocks) - 1 - i
	out := c.BlockChannels[level]
	for j := range c.LayersPerBlock[level] + 1 {
		lateral := b.skips[len(b.skips)-1]
		b.skips = b.skips[:len(b.skips)-1]
		h = b.concat(fmt.Sprintf("%s.concat.%d", name, j), h, lateral)
		h = b.resnet(fmt.Sprintf("%s.resnets.%d", name, j), h, b.resnetOpts(out))
		if c.UpBlocks[i] == "CrossAttnUpBlock2D" {
			h = b.transformer(fmt.Sprintf("%s.attentions.%d", name, j), h,
				b.options(level, c.OnlyCrossAttention[level]))
		}
	}
	if level == 0 {
		return h
	}
	next := b.skips[len(b.skips)-1] // what the next block joins it with
	h = b.add(UpsampleLike{Base: b.base(name+".upsamplers.0", out), X: h, Like: next})
	return b.conv(name+".upsamplers.0.conv", h, out, 3, 1, 1)
}
