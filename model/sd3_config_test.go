package model

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestSD3ConfigDefaults are those of the constructor in diffusers 0.42.1.
func TestSD3ConfigDefaults(t *testing.T) {
	want := SD3Config{SampleSize: 128, InChannels: 16, OutChannels: 16, PatchSize: 2, PositionSize: 96,
		Layers: 18, Heads: 18, HeadDim: 64, ContextDim: 4096, PooledDim: 2048}
	for _, config := range []string{`{}`, `{"qk_norm": null, "dual_attention_layers": [], "out_channels": null}`} {
		got, err := parseSD3Config("f", []byte(config))
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
	got, err := parseSD3Config("f", []byte(`{"in_channels": 4, "out_channels": null, "qk_norm": "rms_norm",
		"dual_attention_layers": [17, 0, 18, 0]}`)) // there are 18 layers
	require.NoError(t, err)
	want.InChannels, want.OutChannels, want.NormQK, want.DualLayers = 4, 4, true, []int{17, 0}
	require.Equal(t, want, got)
}

// TestSD3Published: the published sizes have as many weights as diffusers 0.42.1 counts in them, and
// the table of positions.
func TestSD3Published(t *testing.T) {
	const base = `{"_class_name": "SD3Transformer2DModel", "attention_head_dim": 64, "in_channels": 16,
		"joint_attention_dim": 4096, "out_channels": 16, "patch_size": 2, "pooled_projection_dim": 2048,
		"sample_size": 128, `
	for _, test := range []struct {
		config          string
		params, numbers int
	}{
		{`"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536,
			"pos_embed_max_size": 192}`, 2028328000, 192 * 192 * 1536}, // Stable Diffusion 3 medium
		{`"num_layers": 24, "num_attention_heads": 24, "caption_projection_dim": 1536, "qk_norm": "rms_norm",
			"dual_attention_layers": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], "pos_embed_max_size": 384}`,
			2243171520, 384 * 384 * 1536}, // 3.5 medium
		{`"num_layers": 38, "num_attention_heads": 38, "caption_projection_dim": 2432, "qk_norm": "rms_norm",
			"dual_attention_layers": [], "pos_embed_max_size": 192}`, 8056627520, 192 * 192 * 2432}, // 3.5 large
	} {
		net, err := ParseNetwork("f", []byte(base+test.config))
		require.NoError(t, err)
		require.Equal(t, test.params+test.numbers, net.Params())
	}
}

func TestSD3ConfigErrors(t *testing.T) {
	for _, test := range []struct{ config, key string }{
		{`[]`, ""},
		{`{"_class_name": "UNet2DModel"}`, "_class_name"},
		{`{"qk_norm": "layer_norm"}`, "qk_norm"},
		{`{"qk_norm": true}`, "qk_norm"},
		{`{"dual_attention_layers": null}`, "dual_attention_layers"},
		{`{"dual_attention_layers": 3}`, "dual_attention_layers"},
		{`{"dual_attention_layers": [-1]}`, "dual_attention_layers"},
		{`{"dual_attention_layers": [0.5]}`, "dual_attention_layers"},
		{`{"caption_projection_dim": 1151}`, "caption_projection_dim"},
		{`{"num_attention_heads": 17}`, "caption_projection_dim"},
		{`{"num_attention_heads": 1, "attention_head_dim": 6, "caption_projection_dim": 6}`, "num_attention_heads"},
		{`{"num_layers": 0}`, "num_layers"},
		{`{"num_layers": 257}`, "num_layers"},
		{`{"patch_size": 3}`, "sample_size"},
		{`{"patch_size": null}`, "patch_size"},
		{`{"pos_embed_max_size": null}`, "pos_embed_max_size"},
		{`{"pos_embed_max_size": 63}`, "sample_size"},
		{`{"pos_embed_max_size": 4096}`, "pos_embed_max_size"},
		{`{"joint_attention_dim": 0}`, "joint_attention_dim"},
		{`{"pooled_projection_dim": 1000000000}`, "pooled_projection_dim"},
		{`{"out_channels": 16384, "patch_size": 64}`, "out_channels"},
		{`{"new_option": 1}`, "new_option"},
	} {
		_, err := parseSD3Config("f", []byte(test.config))
		var e *ConfigError
		require.ErrorAs(t, err, &e, test.config)
		require.Equal(t, test.key, e.Key, test.config)
	}
	_, err := parseSD3Config("f", make([]byte, maxConfigBytes+1))
	var e *ConfigError
	require.ErrorAs(t, err, &e)
}
