package model

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/require"
)

// TestT5Config: values that are not supported are named.
func TestT5Config(t *testing.T) {
	const gated = `{"feed_forward_proj": "gated-gelu", `
	for text, key := range map[string]string{
		`{}`:                                               "feed_forward_proj",
		`{"feed_forward_proj": "relu"}`:                    "feed_forward_proj",
		`{"feed_forward_proj": null}`:                      "feed_forward_proj",
		`{"feed_forward_proj": "gated-silu"}`:              "feed_forward_proj",
		gated + `"dense_act_fn": "relu"}`:                  "dense_act_fn",
		gated + `"is_gated_act": false}`:                   "is_gated_act",
		gated + `"is_decoder": true}`:                      "is_decoder",
		gated + `"architectures": ["T5Model"]}`:            "architectures",
		gated + `"model_type": "umt5"}`:                    "model_type",
		gated + `"d_model": 1e9}`:                          "d_model",
		gated + `"d_kv": 0}`:                               "d_kv",
		gated + `"num_layers": -1}`:                        "num_layers",
		gated + `"d_ff": 0.5}`:                             "d_ff",
		gated + `"num_heads": null}`:                       "num_heads",
		gated + `"vocab_size": 1e30}`:                      "vocab_size",
		gated + `"layer_norm_epsilon": 0}`:                 "layer_norm_epsilon",
		gated + `"rotary": 1}`:                             "rotary",
		gated + `"use_cache": 1}`:                          "use_cache",
		gated + `"dropout_rate": "much"}`:                  "dropout_rate",
		gated + `"d_kv": 8192, "num_heads": 8192}`:         "num_heads",
		gated + `"relative_attention_num_buckets": 31}`:    "relative_attention_num_buckets",
		gated + `"relative_attention_num_buckets": 2}`:     "relative_attention_num_buckets",
		gated + `"relative_attention_max_distance": 8}`:    "relative_attention_max_distance",
		gated + `"relative_attention_max_distance": 1e99}`: "relative_attention_max_distance",
		gated + `"d_kv": 8} 1`:                             "",
	} {
		_, err := parseT5TextConfig("config.json", []byte(text))
		var e *ConfigError
		require.ErrorAs(t, err, &e, text)
		require.Equal(t, key, e.Key, text)
	}
}

// TestT5Real counts the weights of the published encoder of Stable Diffusion 3 and FLUX.
func TestT5Real(t *testing.T) {
	g, err := ParseT5Text("config.json", []byte(`{"_name_or_path": "google/t5-v1_1-xxl",
		"architectures": ["T5EncoderModel"], "classifier_dropout": 0.0, "d_ff": 10240, "d_kv": 64,
		"d_model": 4096, "decoder_start_token_id": 0, "dense_act_fn": "gelu_new", "dropout_rate": 0.1,
		"eos_token_id": 1, "feed_forward_proj": "gated-gelu", "initializer_factor": 1.0,
		"is_encoder_decoder": true, "is_gated_act": true, "layer_norm_epsilon": 1e-06,
		"model_type": "t5", "num_decoder_layers": 24, "num_heads": 64, "num_layers": 24,
		"output_past": true, "pad_token_id": 0, "relative_attention_max_distance": 128,
		"relative_attention_num_buckets": 32, "tie_word_embeddings": false, "torch_dtype": "float16",
		"transformers_version": "4.41.2", "use_cache": true, "vocab_size": 32128}`))
	require.NoError(t, err)
	require.NoError(t, g.Validate())
	n := network{graph: g}
	require.Equal(t, 4762310656, n.Params())
}

// copyT5 writes a copy of a folder with other weights under a folder of a pipeline.
func copyT5(t testing.TB, name, part string, edit func([]safetensors.Data) []safetensors.Data) string {
	root := t.TempDir()
	dir := filepath.Join(root, part)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	config, err := os.ReadFile("testdata/" + name + "/config.json")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644))
	f, err := safetensors.Open("testdata/" + name + "/model.safetensors")
	require.NoError(t, err)
	defer f.Close()
	var data []safetensors.Data
	for _, x := range f.Tensors() {
		v, err := f.Float32s(x.Name)
		require.NoError(t, err)
		data = append(data, safetensors.Data{Name: x.Name, Shape: x.Shape, F32: v})
	}
	require.NoError(t, safetensors.WriteFile(filepath.Join(dir, "model.safetensors"), edit(data), nil))
	return root
}

// TestT5Names: the table of tokens under its other name, or under both, in the folders of
// the pipelines.
func TestT5Names(t *testing.T) {
	const other = "encoder.embed_tokens.weight"
	for part, edit := range map[string]func([]safetensors.Data) []safetensors.Data{
		"text_encoder_3": func(d []safetensors.Data) []safetensors.Data { return d },
		"text_encoder_2": func(d []safetensors.Data) []safetensors.Data {
			find(d, "shared.weight").Name = other
			return d
		},
		"text_encoder": func(d []safetensors.Data) []safetensors.Data {
			s := *find(d, "shared.weight")
			s.Name = other
			return append(d, s)
		},
	} {
		m, err := OpenT5Text(copyT5(t, "t5_text", part, edit))
		require.NoError(t, err, part)
		require.Equal(t, 32, m.HiddenDim())
	}
	_, err := OpenT5Text(t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = OpenT5Text(copyT5(t, "t5_text", "text_encoder", func(d []safetensors.Data) []safetensors.Data {
		find(d, "shared.weight").Shape = []int{32, 400}
		return d
	}))
	var e *WeightError
	require.ErrorAs(t, err, &e)
	require.Equal(t, "shared.weight", e.Tensor)
}

// TestT5PlantedFaults: a weight off by a little fails the comparison, wherever it is.
func TestT5PlantedFaults(t *testing.T) {
	g := openT5Golden(t, "testdata/t5_text")
	const layer = "encoder.block.0.layer."
	for _, name := range []string{"shared.weight", layer + "0.SelfAttention.q.weight",
		layer + "0.SelfAttention.relative_attention_bias.weight", layer + "0.SelfAttention.v.weight",
		layer + "0.layer_norm.weight", layer + "1.layer_norm.weight", layer + "1.DenseReluDense.wi_0.weight",
		layer + "1.DenseReluDense.wi_1.weight", layer + "1.DenseReluDense.wo.weight", "encoder.final_layer_norm.weight"} {
		m, err := OpenT5Text(copyT5(t, "t5_text", "text_encoder", func(d []safetensors.Data) []safetensors.Data {
			v := find(d, name).F32
			for i := range v {
				v[i] *= 1.02
			}
			return d
		}))
		require.NoError(t, err)
		h, err := m.Encode(t.Context(), g.ids, g.lengths)
		require.NoError(t, err)
		require.Greater(t, maxDiff(g.masked, h), 4*t5Bound, name)
	}
}
