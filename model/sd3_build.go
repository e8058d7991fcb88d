package model

import (
	"fmt"
	"slices"
)

// sd3Builder builds the graph of an SD3Transformer2DModel in the order of its forward method
// (diffusers/models/transformers/transformer_sd3.py). Names are those of the weights.
type sd3Builder struct {
	*builder
	c   SD3Config
	emb TensorID // the activated sum of the embeddings of time and pooled text
}

// What diffusers fixes: the width of the sinusoidal embedding (embeddings.py,
// CombinedTimestepTextProjEmbeddings), and the epsilon of all norms (attention.py,
// JointTransformerBlock).
const (
	sd3TimeDim = 256
	sd3NormEps = 1e-6
)

// Parts of the vector that modulates a block with a second attention, after those of the
// others (normalization.py, SD35AdaLayerNormZeroX).
const (
	shiftDual = blockParts + iota
	scaleDual
	gateDual
	dualParts
)

// buildSD3 makes the graph. Errors are [*ConfigError].
func buildSD3(file string, c SD3Config) (*Graph, error) {
	b := &sd3Builder{builder: newBuilder(file), c: c}
	width := c.Width()
	x, t := b.input(InputSample, c.InChannels), b.input(InputTimestep, 1)
	ctx, pooled := b.input(InputContext, c.ContextDim), b.input(InputPooled, c.PooledDim)
	h := b.conv("pos_embed.proj", x, width, c.PatchSize, c.PatchSize, 0)
	h = b.add(CroppedPositions{Base: b.base("pos_embed", width), X: h, Side: c.PositionSize, Channels: width,
		Table: b.param("pos_embed.pos_embed", "", 1, c.PositionSize*c.PositionSize, width)})
	b.emb = b.condition(t, pooled)
	z := b.add(SwapAxes{Base: b.base("encoder_hidden_states", c.ContextDim), X: ctx})
	z = b.tokenLinear("context_embedder", z, width, true)
	for i := range c.Layers {
		h, z = b.block(i, h, z)
	}
	h = b.lastNorm("norm_out", h)
	h = b.tokenLinear("proj_out", h, c.PatchSize*c.PatchSize*c.OutChannels, true)
	h = b.add(Unpatchify{Base: b.base("unpatchify", c.OutChannels), X: h, Like: x, Patch: c.PatchSize})
	b.g.Outputs = []TensorID{h}
	return b.g, b.err
}

// condition is what modulates every block: silu(mlp(time) + mlp(pooled)).
func (b *sd3Builder) condition(t, pooled TensorID) TensorID {
	const name = "time_text_embed"
	t = b.add(TimestepEmbedding{Base: b.base(name+".time_proj", sd3TimeDim), T: t, Dim: sd3TimeDim, Flip: true})
	emb := b.mlp(name+".timestep_embedder", t, b.c.Width(), SiLU)
	text := b.mlp(name+".text_embedder", pooled, b.c.Width(), SiLU)
	return b.act(name+".silu", b.sum(name, emb, text, 1), SiLU)
}

// lastNorm is AdaLayerNormContinuous, whose vector holds the scale before the shift.
func (b *sd3Builder) lastNorm(name string, x TensorID) TensorID {
	v := b.linear(name+".linear", b.emb, 2*b.c.Width())
	return b.adaNorm(name, x, v, 1, 0, sd3NormEps)
}

// block is a JointTransformerBlock (diffusers/models/attention.py): image tokens x and text
// tokens z, each with norms n and gates g of its own, attend to both,
//
//	a, c = attn(n1(x), n1(z))
//	x = x + g1 * a
//	x = x + g3 * attn2(n3(x))     with the x before, in layers with a second attention
//	x = x + g2 * ff(n2(x))
//	z = z + g1 * c
//	z = z + g2 * ff(n2(z))
//
// The last block has no need of a new z, and returns NoTensor for it.
func (b *sd3Builder) block(i int, x, z TensorID) (TensorID, TensorID) {
	name, width := fmt.Sprintf("transformer_blocks.%d", i), b.c.Width()
	parts, last := blockParts, i == b.c.Layers-1
	dual := slices.Contains(b.c.DualLayers, i)
	if dual {
		parts = dualParts
	}
	v := b.linear(name+".norm1.linear", b.emb, parts*width)
	hx := b.adaNorm(name+".norm1", x, v, shiftAttn, scaleAttn, sd3NormEps)
	second := NoTensor
	if dual {
		hx2 := b.adaNorm(name+".norm1.2", x, v, shiftDual, scaleDual, sd3NormEps)
		second = b.attendSelf(name+".attn2", hx2)
	}
	vz, hz := NoTensor, NoTensor
	if last {
		hz = b.lastNorm(name+".norm1_context", z)
	} else {
		vz = b.linear(name+".norm1_context.linear", b.emb, blockParts*width)
		hz = b.adaNorm(name+".norm1_context", z, vz, shiftAttn, scaleAttn, sd3NormEps)
	}
	a := b.attendJoint(name+".attn", hx, hz, last)
	x = b.gatedAdd(name+".sum1", x, a.image, v, gateAttn)
	if dual {
		x = b.gatedAdd(name+".sum2", x, second, v, gateDual)
	}
	x = b.feed(name+".ff", name+".norm2", x, v)
	if last {
		return x, NoTensor
	}
	z = b.gatedAdd(name+".sum1_context", z, a.text, vz, gateAttn)
	return x, b.feed(name+".ff_context", name+".norm2_context", z, vz)
}

// feed adds the feed-forward layers, of four times the width.
func (b *sd3Builder) feed(name, norm string, x, v TensorID) TensorID {
	width := b.c.Width()
	h := b.adaNorm(norm, x, v, shiftMLP, scaleMLP, sd3NormEps)
	h = b.tokenLinear(name+".net.0.proj", h, 4*width, true)
	h = b.act(name+".net.0", h, GELUTanh)
	h = b.tokenLinear(name+".net.2", h, width, true)
	return b.gatedAdd(name+".sum", x, h, v, gateMLP)
}
