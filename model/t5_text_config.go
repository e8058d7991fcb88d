package model

import (
	"encoding/json"
)

// T5TextConfig is a config.json of transformers' T5EncoderModel with its defaults filled
// in: what T5Config of transformers/models/t5/configuration_t5.py says.
type T5TextConfig struct {
	VocabSize        int
	HiddenSize       int // d_model, features of a token
	HeadDim          int // d_kv, features of a head
	IntermediateSize int // d_ff, features within the gated layers
	Layers, Heads    int
	Buckets          int // relative_attention_num_buckets
	Distance         int // relative_attention_max_distance
	NormEps          float64
}

// The only kind of T5 that is supported: version 1.1, whose layers are gated.
const (
	t5TextClass   = "T5EncoderModel"
	t5GatedGELU   = "gated-gelu"
	maxT5Buckets  = 1 << 12
	maxT5Distance = 1 << 20
)

// parseT5TextConfig reads a config.json. Errors are [*ConfigError].
func parseT5TextConfig(file string, data []byte) (T5TextConfig, error) {
	f := parseFields(file, data)
	var c T5TextConfig
	c.readClass(f)
	c.VocabSize = f.int("vocab_size", 32128, 1, maxVocab)
	c.HiddenSize = f.int("d_model", 512, 1, maxWidth)
	c.HeadDim = f.int("d_kv", 64, 1, maxWidth)
	c.IntermediateSize = f.int("d_ff", 2048, 1, 4*maxWidth)
	c.Layers = f.int("num_layers", 6, 1, maxLayers)
	c.Heads = f.int("num_heads", 8, 1, maxWidth)
	c.Buckets = f.int("relative_attention_num_buckets", 32, 4, maxT5Buckets)
	c.Distance = f.int("relative_attention_max_distance", 128, 2, maxT5Distance)
	c.NormEps = f.float("layer_norm_epsilon", 1e-6, 1e-20, 1)
	c.readActivation(f)
	readT5Ignored(f)
	if f.rest(); f.err == nil {
		c.check(f)
	}
	return c, f.err
}

// readClass reads the list "architectures" of one class.
func (c *T5TextConfig) readClass(f *fields) {
	const key = "architectures"
	f.list(key, 1, func(v json.RawMessage) {
		var class string
		if f.decode(key, v, &class, "a string") {
			f.oneOf(key, class, []string{t5TextClass})
		}
	})
	f.only("model_type", "t5")
}

// readActivation reads the kind of the layers behind an attention, of which transformers'
// default, "relu", is that of the first T5.
func (c *T5TextConfig) readActivation(f *fields) {
	const key = "feed_forward_proj"
	f.noNull(key)
	f.oneOf(key, f.choice(key, "relu", t5GatedGELU), []string{t5GatedGELU})
	f.choice("dense_act_fn", "gelu_new", "gelu_new")
	if !f.bool("is_gated_act", true) {
		f.fail("is_gated_act", "is false, where %s is %q", key, t5GatedGELU)
	}
	if f.bool("is_decoder", false) {
		f.fail("is_decoder", "is true, wanted an encoder")
	}
}

// readT5Ignored reads what has no effect on the encoder's inference.
func readT5Ignored(f *fields) {
	for _, key := range []string{"dropout_rate", "classifier_dropout", "initializer_factor",
		"num_decoder_layers", "n_positions", "decoder_start_token_id", "eos_token_id",
		"pad_token_id", "bos_token_id"} {
		if v, ok := f.raw(key); ok {
			var x float64
			f.decode(key, v, &x, "a number")
		}
	}
	for _, key := range []string{"is_encoder_decoder", "output_past", "tie_word_embeddings",
		"use_cache", "scale_decoder_outputs"} {
		f.bool(key, false)
	}
	for _, key := range []string{"dtype", "torch_dtype", "transformers_version"} {
		var s string
		if v, ok := f.raw(key); ok {
			f.decode(key, v, &s, "a string")
		}
	}
	f.raw("task_specific_params")
}

// check looks at keys together.
func (c *T5TextConfig) check(f *fields) {
	switch {
	case c.Heads > maxChannels/c.HeadDim:
		f.fail("num_heads", "is %d, too many heads of %d features", c.Heads, c.HeadDim)
	case c.Buckets%2 != 0:
		f.fail("relative_attention_num_buckets", "is %d, wanted an even number", c.Buckets)
	case c.Distance <= c.Buckets/4:
		f.fail("relative_attention_max_distance", "is %d, wanted more than a quarter of the %d buckets",
			c.Distance, c.Buckets)
	}
}
