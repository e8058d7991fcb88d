package model

// DiTConfig is a config.json of diffusers' DiTTransformer2DModel with its defaults filled in.
// Field by field it is the constructor of diffusers/models/transformers/dit_transformer_2d.py.
type DiTConfig struct {
	SampleSize              int // height and width of the latents
	InChannels, OutChannels int
	PatchSize               int
	Layers                  int
	Heads, HeadDim          int
	AttentionBias           bool // of queries, keys and values
	Act                     Activation
	NormEps                 float64 // of the norm before the feed-forward layers, no other
	Classes                 int     // num_embeds_ada_norm, without the one of no class
}

// Width is the number of features of a token.
func (c DiTConfig) Width() int { return c.Heads * c.HeadDim }

// The names of the class in config.json; the second is that of older files.
const (
	ditClass    = "DiTTransformer2DModel"
	ditOldClass = "Transformer2DModel"
)

// maxPatch bounds the sides of a patch.
const maxPatch = 64

// maxPatchLayers bounds the blocks of a transformer over patches; DiT-XL has 28.
const maxPatchLayers = 1 << 8

// parseDiTConfig reads a config.json. Errors are [*ConfigError].
func parseDiTConfig(file string, data []byte) (DiTConfig, error) {
	f := parseFields(file, data)
	class := f.choice("_class_name", ditClass, ditClass, ditOldClass)
	const norm = "ada_norm_zero"
	f.noNull("norm_type")
	if _, ok := f.raw("norm_type"); !ok && class == ditOldClass {
		f.fail("norm_type", "is not given, wanted %q: other transformers are not supported", norm)
	}
	f.choice("norm_type", norm, norm)
	var c DiTConfig
	c.readSizes(f)
	c.readBlocks(f)
	c.unsupported(f)
	if f.rest(); f.err == nil {
		c.check(f)
	}
	return c, f.err
}

func (c *DiTConfig) readSizes(f *fields) {
	c.SampleSize = f.int("sample_size", 32, 1, maxSide)
	c.InChannels = f.int("in_channels", 4, 1, maxWidth)
	c.OutChannels = f.outChannels(0, c.InChannels)
	c.PatchSize = f.int("patch_size", 2, 1, maxPatch)
	c.Classes = f.int("num_embeds_ada_norm", 1000, 1, maxChannels-1)
}

func (c *DiTConfig) readBlocks(f *fields) {
	c.Layers = f.int("num_layers", 28, 1, maxPatchLayers)
	c.Heads = f.int("num_attention_heads", 16, 1, maxWidth)
	c.HeadDim = f.int("attention_head_dim", 72, 1, maxWidth)
	c.AttentionBias = f.bool("attention_bias", true)
	c.Act = f.gelu("activation_fn")
	f.float("dropout", 0, 0, 1)            // no effect on inference
	f.bool("upcast_attention", false)      // scores in float32 whatever the precision
	f.int("norm_num_groups", 32, 1, 1<<20) // no effect: there is no group norm
	c.NormEps = f.float("norm_eps", 1e-5, 0, 1)
}

// unsupported reads what is the same for all models of the class, and what older files say
// of other transformers.
func (c *DiTConfig) unsupported(f *fields) {
	f.refusedTrue("norm_elementwise_affine", false)
	for _, key := range []string{"cross_attention_dim", "num_vector_embeds", "caption_channels",
		"interpolation_scale"} {
		f.refused(key)
	}
	for _, key := range []string{"only_cross_attention", "double_self_attention",
		"use_linear_projection"} {
		f.refusedTrue(key, true)
	}
	f.only("attention_type", "default")
}

// check looks at keys together.
func (c *DiTConfig) check(f *fields) {
	f.patches(c.Heads, c.HeadDim, c.SampleSize, c.PatchSize, c.OutChannels)
}
