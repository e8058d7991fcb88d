package model

import "fmt"

// ditBuilder builds the graph of a DiTTransformer2DModel in the order of its forward method
// (diffusers/models/transformers/dit_transformer_2d.py). Names are those of the weights.
type ditBuilder struct {
	*builder
	c           DiTConfig
	time, class TensorID // the sinusoidal embedding of the time, and the labels
}

// What diffusers fixes: the width of the sinusoidal embedding and its shift (embeddings.py,
// CombinedTimestepLabelEmbeddings), the epsilon of the norms but one (normalization.py,
// AdaLayerNormZero).
const (
	ditTimeDim   = 256
	ditTimeShift = 1
	ditNormEps   = 1e-6
)

// Parts of the vector that modulates a block.
const (
	shiftAttn = iota
	scaleAttn
	gateAttn
	shiftMLP
	scaleMLP
	gateMLP
	blockParts
)

// buildDiT makes the graph. Errors are [*ConfigError].
func buildDiT(file string, c DiTConfig) (*Graph, error) {
	b := &ditBuilder{builder: newBuilder(file), c: c}
	x, t := b.input(InputSample, c.InChannels), b.input(InputTimestep, 1)
	b.class = b.input(InputClass, 1)
	b.time = b.add(TimestepEmbedding{Base: b.base("time_proj", ditTimeDim), T: t, Dim: ditTimeDim,
		Flip: true, FreqShift: ditTimeShift})
	h := b.conv("pos_embed.proj", x, c.Width(), c.PatchSize, c.PatchSize, 0)
	h = b.add(GridPositions{Base: b.base("pos_embed", c.Width()), X: h,
		Side: c.SampleSize / c.PatchSize, Interpolation: 1})
	last := NoTensor // what the last layers take: the embedding of the first block
	for i := range c.Layers {
		name := fmt.Sprintf("transformer_blocks.%d", i)
		emb := b.condition(name + ".norm1")
		if i == 0 {
			last = emb
		}
		h = b.block(name, h, emb)
	}
	v := b.linear("proj_out_1", last, 2*c.Width())
	h = b.adaNorm("norm_out", h, v, 0, 1, ditNormEps)
	h = b.tokenLinear("proj_out_2", h, c.PatchSize*c.PatchSize*c.OutChannels, true)
	h = b.add(Unpatchify{Base: b.base("unpatchify", c.OutChannels), X: h, Like: x, Patch: c.PatchSize})
	b.g.Outputs = []TensorID{h}
	return b.g, b.err
}

// condition is the activated sum of the embeddings of time and class, which every block has
// of its own.
func (b *ditBuilder) condition(name string) TensorID {
	width, rows := b.c.Width(), b.c.Classes+1
	emb := b.mlp(name+".emb.timestep_embedder", b.time, width, SiLU)
	table := name + ".emb.class_embedder.embedding_table"
	class := b.add(Lookup{Base: b.base(table, width), Class: b.class,
		Table: b.param(table+".weight", "", rows, width), Rows: rows, Dim: width})
	return b.act(name+".silu", b.sum(name+".emb", emb, class, 1), SiLU)
}

// block is a BasicTransformerBlock of norm_type "ada_norm_zero" (diffusers/models/attention.py),
// with n the norms that are modulated and g the gates, all of the condition:
//
//	x = x + g1 * attn(n1(x))
//	x = x + g2 * ff(n2(x))
func (b *ditBuilder) block(name string, x, emb TensorID) TensorID {
	width := b.c.Width()
	v := b.linear(name+".norm1.linear", emb, blockParts*width)
	h := b.adaNorm(name+".norm1", x, v, shiftAttn, scaleAttn, ditNormEps)
	h = b.attend(name+".attn1", h)
	x = b.gatedAdd(name+".sum1", x, h, v, gateAttn)
	h = b.adaNorm(name+".norm3", x, v, shiftMLP, scaleMLP, b.c.NormEps)
	h = b.tokenLinear(name+".ff.net.0.proj", h, 4*width, true)
	h = b.act(name+".ff.net.0", h, b.c.Act)
	h = b.tokenLinear(name+".ff.net.2", h, width, true)
	return b.gatedAdd(name+".sum2", x, h, v, gateMLP)
}

// attend is the attention of tokens to each other.
func (b *ditBuilder) attend(name string, x TensorID) TensorID {
	width, bias := b.c.Width(), b.c.AttentionBias
	q := b.tokenLinear(name+".to_q", x, width, bias)
	k := b.tokenLinear(name+".to_k", x, width, bias)
	v := b.tokenLinear(name+".to_v", x, width, bias)
	h := b.add(Attention{Base: b.base(name+".attention", width), Q: q, K: k, V: v, Heads: b.c.Heads})
	return b.tokenLinear(name+".to_out.0", h, width, true)
}

// adaNorm normalises x and modulates it with two parts of v.
func (b *builder) adaNorm(name string, x, v TensorID, shift, scale int, eps float64) TensorID {
	c := b.channels[x]
	return b.add(AdaLayerNorm{Base: b.base(name, c), X: x, V: v, Shift: shift, Scale: scale,
		Channels: c, Eps: float32(eps)})
}

// gatedAdd is a + g*b with g a part of v.
func (b *builder) gatedAdd(name string, a, x, v TensorID, gate int) TensorID {
	return b.add(GatedAdd{Base: b.base(name, b.channels[a]), A: a, B: x, V: v, Gate: gate})
}
