package model

import (
	"encoding/json"
)

// CLIPTextConfig is a config.json of transformers' CLIPTextModel or
// CLIPTextModelWithProjection with its defaults filled in: what CLIPTextConfig of
// transformers/models/clip/configuration_clip.py says.
type CLIPTextConfig struct {
	Projection       bool // CLIPTextModelWithProjection
	VocabSize        int
	HiddenSize       int // features of a token
	IntermediateSize int // features within the two layers behind an attention
	ProjectionDim    int // features of the projection
	Layers, Heads    int
	MaxTokens        int // max_position_embeddings
	Act              Activation
	NormEps          float64
	EOS              int // eos_token_id; see [CLIPText.PooledToken] for 2
}

// The classes of text encoders in config.json.
const (
	clipTextClass       = "CLIPTextModel"
	clipTextProjected   = "CLIPTextModelWithProjection"
	maxVocab            = 1 << 22
	maxTextTokens       = 1 << 12
	legacyEOS           = 2 // what files made before transformers 4.29 say
	defaultClipEOS      = 49407
	defaultClipVocab    = 49408
	defaultClipFeatures = 512
)

// parseCLIPTextConfig reads a config.json. Errors are [*ConfigError].
func parseCLIPTextConfig(file string, data []byte) (CLIPTextConfig, error) {
	f := parseFields(file, data)
	var c CLIPTextConfig
	c.readClass(f)
	c.VocabSize = f.int("vocab_size", defaultClipVocab, 1, maxVocab)
	c.HiddenSize = f.int("hidden_size", defaultClipFeatures, 1, maxWidth)
	c.IntermediateSize = f.int("intermediate_size", 4*defaultClipFeatures, 1, 4*maxWidth)
	c.ProjectionDim = f.int("projection_dim", defaultClipFeatures, 1, maxWidth)
	c.Layers = f.int("num_hidden_layers", 12, 1, maxLayers)
	c.Heads = f.int("num_attention_heads", 8, 1, maxWidth)
	c.MaxTokens = f.int("max_position_embeddings", DefaultTokens, 1, maxTextTokens)
	c.Act = QuickGELU
	if f.choice("hidden_act", "quick_gelu", "quick_gelu", "gelu") == "gelu" {
		c.Act = GELU
	}
	f.noNull("hidden_act")
	c.NormEps = f.float("layer_norm_eps", 1e-5, 1e-20, 1)
	c.EOS = f.int("eos_token_id", defaultClipEOS, 0, maxVocab)
	c.readIgnored(f)
	if f.rest(); f.err == nil {
		c.check(f)
	}
	return c, f.err
}

// readClass reads the list "architectures" of one class.
func (c *CLIPTextConfig) readClass(f *fields) {
	const key = "architectures"
	class := clipTextClass
	f.list(key, 1, func(v json.RawMessage) {
		if f.decode(key, v, &class, "a string") {
			f.oneOf(key, class, []string{clipTextClass, clipTextProjected})
		}
	})
	c.Projection = class == clipTextProjected
	f.only("model_type", "clip_text_model")
}

// readIgnored reads what has no effect on inference: training, and the tokens that the
// tokenizer puts around a text.
func (c *CLIPTextConfig) readIgnored(f *fields) {
	for _, key := range []string{"attention_dropout", "dropout", "initializer_factor",
		"initializer_range", "bos_token_id", "pad_token_id"} {
		f.float(key, 0, -1, 1<<30)
	}
	for _, key := range []string{"dtype", "torch_dtype", "transformers_version"} {
		var s string
		if v, ok := f.raw(key); ok {
			f.decode(key, v, &s, "a string")
		}
	}
}

// check looks at keys together.
func (c *CLIPTextConfig) check(f *fields) {
	if c.HiddenSize%c.Heads != 0 {
		f.fail("num_attention_heads", "is %d, which does not divide the hidden_size of %d",
			c.Heads, c.HiddenSize)
	}
	if c.EOS != legacyEOS && c.EOS >= c.VocabSize {
		f.fail("eos_token_id", "is %d, in a vocabulary of %d", c.EOS, c.VocabSize)
	}
}
