package model

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPixArtConfigDefaults are those of the constructor in diffusers 0.42.1.
func TestPixArtConfigDefaults(t *testing.T) {
	want := PixArtConfig{SampleSize: 128, InChannels: 4, OutChannels: 8, PatchSize: 2, Layers: 28, Heads: 16,
		HeadDim: 72, AttentionBias: true, Act: GELUTanh, NormEps: 1e-6, Interpolation: 2, MicroConditions: true,
		ContextDim: 1152}
	got, err := parsePixArtConfig("f", []byte(`{}`))
	require.NoError(t, err)
	require.Equal(t, want, got)
	got, err = parsePixArtConfig("f", []byte(`{"sample_size": 64, "caption_channels": 4096, "out_channels": null,
		"interpolation_scale": null, "use_additional_conditions": null}`))
	require.NoError(t, err)
	want.SampleSize, want.OutChannels, want.Interpolation, want.MicroConditions = 64, 4, 1, false
	want.ContextDim, want.ProjectText = 4096, true
	require.Equal(t, want, got)
	got, err = parsePixArtConfig("f", []byte(`{"sample_size": 128, "use_additional_conditions": false,
		"interpolation_scale": 1.5, "activation_fn": "gelu", "attention_bias": false, "norm_eps": 0.5}`))
	require.NoError(t, err)
	require.Equal(t, []any{false, 1.5, GELU, false, 0.5},
		[]any{got.MicroConditions, got.Interpolation, got.Act, got.AttentionBias, got.NormEps})
}

// TestPixArtXL: the published size has the published number of weights, 0.6 billion (Chen et al.,
// table 2).
func TestPixArtXL(t *testing.T) {
	net, err := ParseNetwork("f", []byte(`{"_class_name": "PixArtTransformer2DModel", "caption_channels": 4096}`))
	require.NoError(t, err)
	require.InDelta(t, 0.61e9, float64(net.Params()), 0.005e9)
}

// TestPixArtOldClass: the published config.json of PixArt-alpha XL/2 at 1024 pixels has the name of an older class.
func TestPixArtOldClass(t *testing.T) {
	net, err := ParseNetwork("f", []byte(`{"_class_name": "Transformer2DModel", "_diffusers_version": "0.22.0.dev0",
		"activation_fn": "gelu-approximate", "attention_bias": true, "attention_head_dim": 72, "attention_type": "default",
		"caption_channels": 4096, "cross_attention_dim": 1152, "double_self_attention": false, "dropout": 0.0,
		"in_channels": 4, "norm_elementwise_affine": false, "norm_eps": 1e-06, "norm_num_groups": 32,
		"norm_type": "ada_norm_single", "num_attention_heads": 16, "num_embeds_ada_norm": 1000, "num_layers": 28,
		"num_vector_embeds": null, "only_cross_attention": false, "out_channels": 8, "patch_size": 2,
		"sample_size": 128, "upcast_attention": false, "use_linear_projection": false}`))
	require.NoError(t, err)
	require.IsType(t, &PixArt{}, net)
	require.Equal(t, 3, net.(*PixArt).TimeIDs())
}

func TestPixArtConfigErrors(t *testing.T) {
	for _, test := range []struct{ config, key string }{
		{`[]`, ""},
		{`{"_class_name": "UNet2DModel"}`, "_class_name"},
		{`{"norm_type": "ada_norm_zero"}`, "norm_type"},
		{`{"norm_type": null}`, "norm_type"},
		{`{"_class_name": "Transformer2DModel"}`, "norm_type"},
		{`{"_class_name": "Transformer2DModel", "norm_type": "ada_norm_zero"}`, "norm_type"},
		{`{"num_vector_embeds": 4}`, "num_vector_embeds"},
		{`{"only_cross_attention": true}`, "only_cross_attention"},
		{`{"norm_elementwise_affine": true}`, "norm_elementwise_affine"},
		{`{"attention_type": "gated"}`, "attention_type"},
		{`{"cross_attention_dim": null}`, "cross_attention_dim"},
		{`{"cross_attention_dim": 1024, "caption_channels": 4096}`, "cross_attention_dim"},
		{`{"caption_channels": 0}`, "caption_channels"},
		{`{"activation_fn": "geglu"}`, "activation_fn"},
		{`{"activation_fn": null}`, "activation_fn"},
		{`{"num_embeds_ada_norm": null}`, "num_embeds_ada_norm"},
		{`{"num_layers": 257}`, "num_layers"},
		{`{"num_layers": 0}`, "num_layers"},
		{`{"patch_size": 3}`, "sample_size"},
		{`{"sample_size": 0}`, "sample_size"},
		{`{"interpolation_scale": 0}`, "interpolation_scale"},
		{`{"interpolation_scale": -1}`, "interpolation_scale"},
		{`{"interpolation_scale": 1e9}`, "interpolation_scale"},
		{`{"use_additional_conditions": 1}`, "use_additional_conditions"},
		{`{"num_attention_heads": 4, "attention_head_dim": 4}`, "num_attention_heads"},
		{`{"num_attention_heads": 3, "attention_head_dim": 5, "use_additional_conditions": false}`,
			"num_attention_heads"},
		{`{"num_attention_heads": 16384, "attention_head_dim": 16384}`, "num_attention_heads"},
		{`{"out_channels": 16384, "patch_size": 64, "sample_size": 64}`, "out_channels"},
		{`{"norm_eps": -1}`, "norm_eps"},
		{`{"new_option": 1}`, "new_option"},
	} {
		_, err := parsePixArtConfig("f", []byte(test.config))
		var e *ConfigError
		require.ErrorAs(t, err, &e, test.config)
		require.Equal(t, test.key, e.Key, test.config)
	}
	_, err := parsePixArtConfig("f", make([]byte, maxConfigBytes+1))
	var e *ConfigError
	require.ErrorAs(t, err, &e)
}
