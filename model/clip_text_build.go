package model

import "fmt"

// clipBuilder builds the graph of a CLIP text encoder in the order of the forward method
// of CLIPTextTransformer (transformers/models/clip/modeling_clip.py), which is that of
// Radford et al., "Learning Transferable Visual Models From Natural Language
// Supervision", 2021, arXiv:2103.00020, section 2.4.
type clipBuilder struct {
	*builder
	c CLIPTextConfig
}

// buildCLIPText makes the graph with two outputs, the hidden states [T, D, 1] that o asks
// for and the pooled vector. Whatever o says, the weights are the same. Errors are
// [*ConfigError].
func buildCLIPText(file string, c CLIPTextConfig, o TextOptions) (*Graph, error) {
	b := &clipBuilder{newBuilder(file), c}
	ids, index := b.input(InputTokenIDs, 1), b.input(InputTokenIndex, 1)
	h := b.embed(ids)
	hidden := h // after the block that o asks for
	for i := range c.Layers {
		h = b.block(fmt.Sprintf("encoder.layers.%d", i), h)
		if i == c.Layers-1-o.Skip {
			hidden = h
		}
	}
	last := b.norm("final_layer_norm", h)
	switch {
	case o.Raw:
	case o.Skip == 0:
		hidden = last
	default: // the same weights over other hidden states
		n := b.g.Ops[len(b.g.Ops)-1].(LayerNorm)
		n.Base, n.X = b.base("final_layer_norm", c.HiddenSize), hidden
		hidden = b.add(n)
	}
	pooled := b.add(SelectToken{Base: b.base("pooled", c.HiddenSize), X: last, Index: index})
	if c.Projection {
		pooled = b.linearNoBias("text_projection", pooled, c.ProjectionDim)
	}
	hidden = b.add(SwapAxes{Base: b.base("hidden_states", 0), X: hidden})
	b.g.Outputs = []TensorID{hidden, pooled}
	return b.g, b.err
}

// weight is a parameter under the name that files have, and that of transformers 5, which
// saves the model without its prefix.
func (b *clipBuilder) weight(name string, shape ...int) ParamID {
	return b.param("text_model."+name, name, shape...)
}

// embed is CLIPTextEmbeddings.
func (b *clipBuilder) embed(ids TensorID) TensorID {
	c := b.c
	table := b.weight("embeddings.token_embedding.weight", c.VocabSize, c.HiddenSize)
	positions := b.weight("embeddings.position_embedding.weight", c.MaxTokens, c.HiddenSize)
	return b.add(TokenEmbedding{Base: b.base("embeddings", c.HiddenSize), IDs: ids, Table: table,
		Positions: positions, Rows: c.VocabSize, Dim: c.HiddenSize, Tokens: c.MaxTokens})
}

// block is CLIPEncoderLayer:
//
//	x = x + attention(layer_norm1(x))          causal
//	x = x + fc2(act(fc1(layer_norm2(x))))
func (b *clipBuilder) block(name string, x TensorID) TensorID {
	c := b.c
	h := b.norm(name+".layer_norm1", x)
	attn := name + ".self_attn"
	q := b.dense(attn+".q_proj", h, c.HiddenSize)
	k := b.dense(attn+".k_proj", h, c.HiddenSize)
	v := b.dense(attn+".v_proj", h, c.HiddenSize)
	h = b.add(Attention{Base: b.base(attn, c.HiddenSize), Q: q, K: k, V: v, Heads: c.Heads, Causal: true})
	x = b.sum(name+".sum1", b.dense(attn+".out_proj", h, c.HiddenSize), x, 1)
	h = b.dense(name+".mlp.fc1", b.norm(name+".layer_norm2", x), c.IntermediateSize)
	h = b.act(name+".mlp.activation_fn", h, c.Act)
	return b.sum(name+".sum2", b.dense(name+".mlp.fc2", h, c.HiddenSize), x, 1)
}

// dense is a linear layer over tokens with a bias.
func (b *clipBuilder) dense(name string, x TensorID, out int) TensorID {
	in := b.channels[x]
	w, bias := b.weight(name+".weight", out, in), b.weight(name+".bias", out)
	return b.add(Conv2D{Base: b.base(name, out), X: x, Weight: w, Bias: bias,
		Shape: ConvShape{OutC: out, InC: in, KH: 1, KW: 1, Stride: 1}})
}

// norm is a layer norm with the epsilon of the configuration.
func (b *clipBuilder) norm(name string, x TensorID) TensorID {
	c := b.channels[x]
	gamma, beta := b.weight(name+".weight", c), b.weight(name+".bias", c)
	return b.add(LayerNorm{Base: b.base(name, c), X: x, Gamma: gamma, Beta: beta, Channels: c,
		Eps: float32(b.c.NormEps)})
}
