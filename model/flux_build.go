package model

import "fmt"

// fluxBuilder builds the graph of a FluxTransformer2DModel in the order of its forward method
// (diffusers/models/transformers/transformer_flux.py). Names are those of the weights. The
// text has the positions 0, as FluxPipeline gives them.
type fluxBuilder struct {
	*builder
	c    FluxConfig
	emb  TensorID // the activated embedding of time, guidance and pooled text
	grid TensorID // a tensor of the size of the image in tokens
}

// What diffusers fixes.
const (
	fluxTimeDim  = 256  // of the sinusoidal embeddings (embeddings.py)
	fluxTime     = 1000 // of both embeddings, a unit of noise level or guidance scale
	fluxEps      = 1e-6 // of every norm
	fluxTheta    = 10000
	fluxMLP      = 4 // the width of an MLP beside that of a token
	singleParts  = 3 // of the vector that modulates a block of one sequence
	fluxEmbedder = "time_text_embed"
)

// buildFlux makes the graph. Its time is fluxTime times the noise level, as schedulers count
// it, and its guidance fluxTime times the scale: diffusers multiplies both within the network.
// Errors are [*ConfigError].
func buildFlux(file string, c FluxConfig) (*Graph, error) {
	b := &fluxBuilder{builder: newBuilder(file), c: c}
	const block = fluxSide * fluxSide
	x := b.input(InputSample, c.InChannels/block)
	b.emb = b.condition()
	x = b.add(PixelUnshuffle{Base: b.base("pack", c.InChannels), X: x, Side: fluxSide})
	b.grid = x
	x = b.tokenLinear("x_embedder", x, c.Width(), true)
	text := b.input(InputContext, c.ContextDim)
	text = b.add(SwapAxes{Base: b.base("encoder_hidden_states", c.ContextDim), X: text})
	text = b.tokenLinear("context_embedder", text, c.Width(), true)
	for i := range c.Layers {
		x, text = b.double(fmt.Sprintf("transformer_blocks.%d", i), x, text)
	}
	all := b.join("hidden_states", text, x)
	for i := range c.SingleLayers {
		all = b.single(fmt.Sprintf("single_transformer_blocks.%d", i), all)
	}
	x = b.take("image", all, b.grid, true)
	v := b.linear("norm_out.linear", b.emb, 2*c.Width())
	x = b.adaNorm("norm_out", x, v, 1, 0, fluxEps)
	x = b.tokenLinear("proj_out", x, c.OutChannels, true)
	x = b.add(PixelShuffle{Base: b.base("unpack", c.OutChannels/block), X: x, Side: fluxSide})
	b.g.Outputs = []TensorID{x}
	return b.g, b.err
}

// condition is the activated sum of the embeddings of time, guidance and pooled text
// (embeddings.py, CombinedTimestepGuidanceTextProjEmbeddings).
func (b *fluxBuilder) condition() TensorID {
	width := b.c.Width()
	sinusoids := func(name string, t TensorID) TensorID {
		return b.add(TimestepEmbedding{Base: b.base(name, fluxTimeDim), T: t, Dim: fluxTimeDim, Flip: true})
	}
	emb := sinusoids("time_proj", b.input(InputTimestep, 1))
	emb = b.mlp(fluxEmbedder+".timestep_embedder", emb, width, SiLU)
	if b.c.Guidance {
		g := sinusoids("guidance_proj", b.input(InputTimestepCond, 1))
		g = b.mlp(fluxEmbedder+".guidance_embedder", g, width, SiLU)
		emb = b.sum(fluxEmbedder+".guidance", emb, g, 1)
	}
	pooled := b.mlp(fluxEmbedder+".text_embedder", b.input(InputPooled, b.c.PooledDim), width, SiLU)
	emb = b.sum(fluxEmbedder, emb, pooled, 1)
	return b.act(fluxEmbedder+".silu", emb, SiLU)
}

// double is FluxTransformerBlock: image and text are modulated, gated and go through MLPs by
// themselves, and attend to both.
func (b *fluxBuilder) double(name string, x, text TensorID) (TensorID, TensorID) {
	v := b.linear(name+".norm1.linear", b.emb, blockParts*b.c.Width())
	vText := b.linear(name+".norm1_context.linear", b.emb, blockParts*b.c.Width())
	h := b.adaNorm(name+".norm1", x, v, shiftAttn, scaleAttn, fluxEps)
	hText := b.adaNorm(name+".norm1_context", text, vText, shiftAttn, scaleAttn, fluxEps)
	all := b.attendBoth(name+".attn", h, hText)
	h, hText = b.take(name+".image", all, x, true), b.take(name+".text", all, text, false)
	h = b.tokenLinear(name+".attn.to_out.0", h, b.c.Width(), true)
	hText = b.tokenLinear(name+".attn.to_add_out", hText, b.c.Width(), true)
	x = b.gatedAdd(name+".sum1", x, h, v, gateAttn)
	text = b.gatedAdd(name+".sum1_context", text, hText, vText, gateAttn)
	x = b.gatedMLP(name, "", x, v)
	return x, b.gatedMLP(name, "_context", text, vText)
}

// gatedMLP is the second half of a block of two sequences, for one of them.
func (b *fluxBuilder) gatedMLP(name, suffix string, x, v TensorID) TensorID {
	ff := name + ".ff" + suffix
	h := b.adaNorm(name+".norm2"+suffix, x, v, shiftMLP, scaleMLP, fluxEps)
	h = b.tokenLinear(ff+".net.0.proj", h, fluxMLP*b.c.Width(), true)
	h = b.act(ff+".net.0", h, GELUTanh)
	h = b.tokenLinear(ff+".net.2", h, b.c.Width(), true)
	return b.gatedAdd(name+".sum2"+suffix, x, h, v, gateMLP)
}

// attendBoth is the attention of text and image to both, without the last linear layers. The
// text has position 0, so that only the image's queries and keys are turned.
func (b *fluxBuilder) attendBoth(name string, x, text TensorID) TensorID {
	width := b.c.Width()
	q := b.rotary(name+".rope_q", b.rmsNorm(name+".norm_q", b.tokenLinear(name+".to_q", x, width, true)))
	k := b.rotary(name+".rope_k", b.rmsNorm(name+".norm_k", b.tokenLinear(name+".to_k", x, width, true)))
	v := b.tokenLinear(name+".to_v", x, width, true)
	qText := b.rmsNorm(name+".norm_added_q", b.tokenLinear(name+".add_q_proj", text, width, true))
	kText := b.rmsNorm(name+".norm_added_k", b.tokenLinear(name+".add_k_proj", text, width, true))
	vText := b.tokenLinear(name+".add_v_proj", text, width, true)
	q, k = b.join(name+".q", qText, q), b.join(name+".k", kText, k)
	v = b.join(name+".v", vText, v)
	return b.add(Attention{Base: b.base(name+".attention", width), Q: q, K: k, V: v, Heads: b.c.Heads})
}

// single is FluxSingleTransformerBlock: attention and MLP beside each other, of one sequence.
func (b *fluxBuilder) single(name string, x TensorID) TensorID {
	width := b.c.Width()
	v := b.linear(name+".norm.linear", b.emb, singleParts*width)
	h := b.adaNorm(name+".norm", x, v, shiftAttn, scaleAttn, fluxEps)
	mlp := b.act(name+".act_mlp", b.tokenLinear(name+".proj_mlp", h, fluxMLP*width, true), GELUTanh)
	q := b.tokenLinear(name+".attn.to_q", h, width, true)
	k := b.tokenLinear(name+".attn.to_k", h, width, true)
	value := b.tokenLinear(name+".attn.to_v", h, width, true)
	q = b.rotary(name+".attn.rope_q", b.rmsNorm(name+".attn.norm_q", q))
	k = b.rotary(name+".attn.rope_k", b.rmsNorm(name+".attn.norm_k", k))
	h = b.add(Attention{Base: b.base(name+".attn.attention", width), Q: q, K: k, V: value, Heads: b.c.Heads})
	h = b.tokenLinear(name+".proj_out", b.concat(name+".concat", h, mlp), width, true)
	return b.gatedAdd(name+".sum", x, h, v, gateAttn)
}

func (b *fluxBuilder) rotary(name string, x TensorID) TensorID {
	return b.add(Rotary{Base: b.base(name, b.channels[x]), X: x, Like: b.grid, Heads: b.c.Heads,
		Axes: b.c.Axes, Theta: fluxTheta})
}

func (b *fluxBuilder) rmsNorm(name string, x TensorID) TensorID {
	return b.headRMSNorm(name, x, b.c.Heads, fluxEps)
}

// headRMSNorm is torch.nn.RMSNorm of every head by itself.
func (b *builder) headRMSNorm(name string, x TensorID, heads int, eps float64) TensorID {
	c := b.channels[x]
	gamma := b.param(name+".weight", "", c/heads)
	return b.add(HeadRMSNorm{Base: b.base(name, c), X: x, Gamma: gamma, Channels: c, Heads: heads,
		Eps: float32(eps)})
}

// join is the tokens of x and after them those of y.
func (b *builder) join(name string, x, y TensorID) TensorID {
	return b.add(JoinTokens{Base: b.base(name, b.channels[x]), A: x, B: y})
}

// take is as many tokens as like has, of the start of x or of its end.
func (b *builder) take(name string, x, like TensorID, end bool) TensorID {
	return b.add(TakeTokens{Base: b.base(name, b.channels[x]), X: x, Like: like, End: end})
}
