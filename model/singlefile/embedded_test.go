package singlefile_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/singlefile"
)

// defaults are keys of published configurations that are not built in: they have the value that a missing key means.
var defaults = map[string]any{
	"class_embed_type": nil, "class_embeddings_concat": false, "conv_in_kernel": 3.0, "conv_out_kernel": 3.0,
	"cross_attention_norm": nil, "dual_cross_attention": false, "encoder_hid_dim": nil, "encoder_hid_dim_type": nil,
	"mid_block_only_cross_attention": nil, "num_attention_heads": nil, "num_class_embeds": nil,
	"only_cross_attention": false, "resnet_out_scale_factor": 1.0, "resnet_skip_time_act": false,
	"resnet_time_scale_shift": "default", "time_cond_proj_dim": nil, "time_embedding_act_fn": nil,
	"time_embedding_dim": nil, "time_embedding_type": "positional", "timestep_post_act": nil,
}

// comment are keys that say where a file comes from, or how its weights were stored.
var comment = map[string]bool{"_diffusers_version": true, "_name_or_path": true, "transformers_version": true, "torch_dtype": true}

// object is a JSON object without comments and defaults.
func object(t *testing.T, b []byte) map[string]any {
	t.Helper()
	var m map[string]any
	require.NoError(t, json.Unmarshal(b, &m))
	for k, v := range m {
		if d, ok := defaults[k]; comment[k] || ok && d == v {
			delete(m, k)
		}
	}
	return m
}

// publishedFiles are the files of a published model, see ../testdata/make_published.py.
func publishedFiles(t *testing.T, name string) singlefile.Configs {
	t.Helper()
	b, err := os.ReadFile("../testdata/published/" + name + ".json")
	require.NoError(t, err)
	var files singlefile.Configs
	require.NoError(t, json.Unmarshal(b, &files))
	return files
}

// TestEmbeddedArePublished: every configuration of a network or scheduler that is built in is that of the published folder.
func TestEmbeddedArePublished(t *testing.T) {
	for v, x := range map[singlefile.Variant]struct {
		name string
		n    int
	}{singlefile.V1: {"sd15", 4}, singlefile.V2: {"sd21", 4}, singlefile.XL: {"sdxl", 5}} {
		c, err := v.Configs()
		require.NoError(t, err)
		n := 0
		for file, want := range publishedFiles(t, x.name) {
			if strings.HasPrefix(file, "tokenizer") {
				continue
			}
			n++
			require.Contains(t, c, file, v)
			require.Equal(t, object(t, want), object(t, c[file]), "%s: %s", v, file)
		}
		require.Equal(t, x.n, n)
	}
}

// TestV2BaseDiffers: the model of 512 pixels, whose folder is not at hand, is the published one of 768 pixels but for
// the size, what the network predicts, and so the scheduler and the precision of attention.
func TestV2BaseDiffers(t *testing.T) {
	base, err := singlefile.V2Base.Configs()
	require.NoError(t, err)
	full := publishedFiles(t, "sd21")
	for _, file := range []string{"unet/config.json", "vae/config.json", "text_encoder/config.json"} {
		want, got := object(t, full[file]), object(t, base[file])
		for _, k := range []string{"sample_size", "upcast_attention"} {
			delete(want, k)
			delete(got, k)
		}
		require.Equal(t, want, got, file)
	}
	require.NotEqual(t, "v_prediction", object(t, base["scheduler/scheduler_config.json"])["prediction_type"])
}

// token is a token of a configuration, which older folders spell as an object.
func token(t *testing.T, v any) any {
	t.Helper()
	if m, ok := v.(map[string]any); ok {
		return m["content"]
	}
	return v
}

// TestEmbeddedTokenizers: special tokens and lengths are those of the published folders, where
// special_tokens_map.json comes before tokenizer_config.json: stable-diffusion-2-1 fills texts up with "!".
func TestEmbeddedTokenizers(t *testing.T) {
	for v, name := range map[singlefile.Variant]string{singlefile.V1: "sd15", singlefile.V2: "sd21", singlefile.V2Base: "sd21",
		singlefile.XL: "sdxl"} {
		c, err := v.Configs()
		require.NoError(t, err)
		files, n := publishedFiles(t, name), 0
		for file := range c {
			dir, ok := strings.CutSuffix(file, "/tokenizer_config.json")
			if !ok {
				continue
			}
			n++
			want, got := object(t, files[file]), object(t, c[file])
			for k, special := range object(t, files[dir+"/special_tokens_map.json"]) {
				want[k] = special
			}
			for _, k := range []string{"bos_token", "eos_token", "unk_token", "pad_token", "model_max_length", "do_lower_case"} {
				require.NotNil(t, want[k], "%s: %s %s", v, file, k)
				require.Equal(t, token(t, want[k]), token(t, got[k]), "%s: %s %s", v, file, k)
			}
		}
		require.NotZero(t, n, v)
	}
}
