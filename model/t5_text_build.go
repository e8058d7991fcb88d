package model

import "fmt"

// t5Builder builds the graph of a T5 encoder in the order of the forward method of T5Stack
// (transformers/models/t5/modeling_t5.py), which is that of Raffel et al., "Exploring the
// Limits of Transfer Learning with a Unified Text-to-Text Transformer", 2020,
// arXiv:1910.10683, with the gated layers of version 1.1.
type t5Builder struct {
	*builder
	c    T5TextConfig
	last TensorID
	bias ParamID // of the first block, which all blocks add
}

// buildT5Text makes the graph with one output, the hidden states [T, D, 1]. Errors are
// [*ConfigError].
func buildT5Text(file string, c T5TextConfig) (*Graph, error) {
	b := &t5Builder{builder: newBuilder(file), c: c}
	ids := b.input(InputTokenIDs, 1)
	b.last = b.input(InputTokenIndex, 1)
	table := b.param("shared.weight", "encoder.embed_tokens.weight", c.VocabSize, c.HiddenSize)
	h := b.add(T5Embedding{Base: b.base("shared", c.HiddenSize), IDs: ids, Table: table,
		Rows: c.VocabSize, Dim: c.HiddenSize})
	b.bias = b.param("encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight", "",
		c.Buckets, c.Heads)
	for i := range c.Layers {
		h = b.block(fmt.Sprintf("encoder.block.%d", i), h)
	}
	h = b.norm("encoder.final_layer_norm", h)
	h = b.add(SwapAxes{Base: b.base("hidden_states", 0), X: h})
	b.g.Outputs = []TensorID{h}
	return b.g, b.err
}

// block is T5Block of an encoder:
//
//	x = x + o(attention(layer_norm(x)))
//	x = x + wo(gelu(wi_0(layer_norm(x))) * wi_1(layer_norm(x)))
func (b *t5Builder) block(name string, x TensorID) TensorID {
	c, inner := b.c, b.c.Heads*b.c.HeadDim
	attn, dense := name+".layer.0.SelfAttention", name+".layer.1.DenseReluDense"
	h := b.norm(name+".layer.0.layer_norm", x)
	q, k, v := b.dense(attn+".q", h, inner), b.dense(attn+".k", h, inner), b.dense(attn+".v", h, inner)
	h = b.add(T5Attention{Base: b.base(attn, inner), Q: q, K: k, V: v, Last: b.last, Bias: b.bias,
		Heads: c.Heads, Buckets: c.Buckets, Distance: c.Distance})
	x = b.sum(name+".layer.0.sum", b.dense(attn+".o", h, c.HiddenSize), x, 1)
	h = b.norm(name+".layer.1.layer_norm", x)
	gate, up := b.dense(dense+".wi_0", h, c.IntermediateSize), b.dense(dense+".wi_1", h, c.IntermediateSize)
	h = b.add(T5Gate{Base: b.base(dense, c.IntermediateSize), A: gate, B: up})
	return b.sum(name+".layer.1.sum", b.dense(dense+".wo", h, c.HiddenSize), x, 1)
}

// dense is a linear layer over tokens without a bias.
func (b *t5Builder) dense(name string, x TensorID, out int) TensorID {
	in := b.channels[x]
	w := b.param(name+".weight", "", out, in)
	return b.add(Conv2D{Base: b.base(name, out), X: x, Weight: w, Bias: NoParam,
		Shape: ConvShape{OutC: out, InC: in, KH: 1, KW: 1, Stride: 1}})
}

func (b *t5Builder) norm(name string, x TensorID) TensorID {
	c := b.channels[x]
	return b.add(T5Norm{Base: b.base(name, c), X: x, Gamma: b.param(name+".weight", "", c),
		Channels: c, Eps: float32(b.c.NormEps)})
}
