package model

// PixArtConfig is a config.json of diffusers' PixArtTransformer2DModel with its defaults filled
// in. Field by field it is the constructor of
// diffusers/models/transformers/pixart_transformer_2d.py.
type PixArtConfig struct {
	SampleSize              int // height and width of the latents
	InChannels, OutChannels int // OutChannels is twice InChannels with a learned variance
	PatchSize               int
	Layers                  int
	Heads, HeadDim          int
	AttentionBias           bool // of queries, keys and values
	Act                     Activation
	NormEps                 float64 // of the norms of the blocks
	Interpolation           float64 // interpolation_scale, by which positions are divided
	MicroConditions         bool    // use_additional_conditions: the size of the image is a condition
	ContextDim              int     // features of a token of the text
	ProjectText             bool    // caption_channels is given: the text goes through an MLP first
}

// Width is the number of features of a token.
func (c PixArtConfig) Width() int { return c.Heads * c.HeadDim }

// pixartClass is the name of the class in config.json, where the published files have [ditOldClass], which the norm tells
// from a DiT (diffusers, models/model_loading_utils.py and modeling_utils.py, LegacyModelMixin).
const (
	pixartClass = "PixArtTransformer2DModel"
	pixartNorm  = "ada_norm_single"
)

// The size of latents whose positions are not squeezed, and the one for which
// use_additional_conditions defaults to true (pixart_transformer_2d.py).
const (
	pixartBaseSize  = 64
	pixartMicroSize = 128
)

// maxInterpolation bounds interpolation_scale, which is 2 in PixArt-Σ at 1024 pixels.
const maxInterpolation = 1 << 10

// parsePixArtConfig reads a config.json. Errors are [*ConfigError].
func parsePixArtConfig(file string, data []byte) (PixArtConfig, error) {
	f := parseFields(file, data)
	class := f.choice("_class_name", pixartClass, pixartClass, ditOldClass)
	if _, ok := f.raw("norm_type"); !ok && class == ditOldClass {
		f.fail("norm_type", "is not given, wanted %q: other transformers are not supported", pixartNorm)
	}
	var c PixArtConfig
	c.readSizes(f)
	c.readBlocks(f)
	c.readText(f)
	f.only("norm_type", pixartNorm)
	f.only("attention_type", "default")
	f.refusedTrue("norm_elementwise_affine", false)
	f.refused("num_vector_embeds")
	for _, key := range []string{"only_cross_attention", "double_self_attention", "use_linear_projection"} {
		f.refusedTrue(key, true)
	}
	if f.rest(); f.err == nil {
		c.check(f)
	}
	return c, f.err
}

func (c *PixArtConfig) readSizes(f *fields) {
	c.SampleSize = f.int("sample_size", pixartMicroSize, 1, maxSide)
	c.InChannels = f.int("in_channels", 4, 1, maxWidth)
	c.OutChannels = f.outChannels(8, c.InChannels)
	c.PatchSize = f.int("patch_size", 2, 1, maxPatch)
	const scale = "interpolation_scale"
	c.Interpolation = float64(max(c.SampleSize/pixartBaseSize, 1))
	if _, ok := f.raw(scale); ok {
		c.Interpolation = f.float(scale, 0, 1./maxInterpolation, maxInterpolation)
	}
	const micro = "use_additional_conditions"
	c.MicroConditions = c.SampleSize == pixartMicroSize
	if _, ok := f.raw(micro); ok {
		c.MicroConditions = f.bool(micro, false)
	}
}

func (c *PixArtConfig) readBlocks(f *fields) {
	c.Layers = f.int("num_layers", 28, 1, maxPatchLayers)
	c.Heads = f.int("num_attention_heads", 16, 1, maxWidth)
	c.HeadDim = f.int("attention_head_dim", 72, 1, maxWidth)
	c.AttentionBias = f.bool("attention_bias", true)
	c.Act = f.gelu("activation_fn")
	c.NormEps = f.float("norm_eps", 1e-6, 0, 1)
	f.float("dropout", 0, 0, 1)                     // no effect on inference
	f.bool("upcast_attention", false)               // scores in float32 whatever the precision
	f.int("norm_num_groups", 32, 1, 1<<20)          // no effect: there is no group norm
	f.int("num_embeds_ada_norm", 1000, 1, maxWidth) // no effect: there are no classes
}

// readText reads what is attended to: states of cross_attention_dim features, or others that
// an MLP brings to the width.
func (c *PixArtConfig) readText(f *fields) {
	const cross = "cross_attention_dim"
	dim := f.int(cross, 1152, 1, maxWidth)
	c.ContextDim = f.optInt("caption_channels", 0, maxWidth)
	c.ProjectText = c.ContextDim != 0
	switch {
	case f.err != nil:
	case !c.ProjectText:
		c.ContextDim = dim
	case dim != c.Width():
		f.fail(cross, "is %d, wanted %d, num_attention_heads times attention_head_dim, to which "+
			"caption_channels are projected", dim, c.Width())
	}
}

// check looks at keys together.
func (c *PixArtConfig) check(f *fields) {
	f.patches(c.Heads, c.HeadDim, c.SampleSize, c.PatchSize, c.OutChannels)
	if c.MicroConditions && c.Width()%pixartSizes != 0 {
		f.fail("num_attention_heads", "%d heads of attention_head_dim %d are %d features, wanted a multiple of %d "+
			"with use_additional_conditions", c.Heads, c.HeadDim, c.Width(), pixartSizes)
	}
}
