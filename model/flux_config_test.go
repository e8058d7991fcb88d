package model

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFluxConfigDefaults are those of the constructor in diffusers 0.42.1.
func TestFluxConfigDefaults(t *testing.T) {
	want := FluxConfig{InChannels: 64, OutChannels: 64, Layers: 19, SingleLayers: 38, Heads: 24, HeadDim: 128,
		ContextDim: 4096, PooledDim: 768, Axes: [3]int{16, 56, 56}}
	got, err := parseFluxConfig("f", []byte(`{}`))
	require.NoError(t, err)
	require.Equal(t, want, got)
	// As FLUX.1 Fill has it.
	got, err = parseFluxConfig("f", []byte(`{"_class_name": "FluxTransformer2DModel", "_diffusers_version": "0.32.0.dev0",
		"attention_head_dim": 128, "axes_dims_rope": [16, 56, 56], "guidance_embeds": true, "in_channels": 384,
		"joint_attention_dim": 4096, "num_attention_heads": 24, "num_layers": 19, "num_single_layers": 38,
		"out_channels": 64, "patch_size": 1, "pooled_projection_dim": 768}`))
	require.NoError(t, err)
	want.InChannels, want.Guidance = 384, true
	require.Equal(t, want, got)
}

// TestFlux1: the published sizes have the number of weights that diffusers 0.42.1 counts of
// them, 12 thousand million.
func TestFlux1(t *testing.T) {
	for config, want := range map[string]int{
		`{"_class_name": "FluxTransformer2DModel"}`:                          11891178560,
		`{"_class_name": "FluxTransformer2DModel", "guidance_embeds": true}`: 11901408320,
	} {
		net, err := ParseNetwork("f", []byte(config))
		require.NoError(t, err)
		require.Equal(t, want, net.Params())
	}
}

func TestFluxConfigErrors(t *testing.T) {
	for _, test := range []struct{ config, key string }{
		{`[]`, ""},
		{`{"_class_name": "UNet2DModel"}`, "_class_name"},
		{`{"patch_size": 2}`, "patch_size"},
		{`{"in_channels": 62}`, "in_channels"},
		{`{"in_channels": null}`, "in_channels"},
		{`{"out_channels": 62}`, "out_channels"},
		{`{"num_layers": 0}`, "num_layers"},
		{`{"num_layers": 257}`, "num_layers"},
		{`{"num_single_layers": 0}`, "num_single_layers"},
		{`{"num_attention_heads": 16384, "attention_head_dim": 128}`, "num_attention_heads"},
		{`{"attention_head_dim": 64}`, "axes_dims_rope"},
		{`{"axes_dims_rope": [64, 64]}`, "axes_dims_rope"},
		{`{"axes_dims_rope": [16, 56, 55]}`, "axes_dims_rope"},
		{`{"axes_dims_rope": [15, 57, 56]}`, "axes_dims_rope"},
		{`{"axes_dims_rope": [16, 56, 28, 28]}`, "axes_dims_rope"},
		{`{"axes_dims_rope": [-16, 72, 72]}`, "axes_dims_rope"},
		{`{"axes_dims_rope": null}`, "axes_dims_rope"},
		{`{"axes_dims_rope": 128}`, "axes_dims_rope"},
		{`{"guidance_embeds": 1}`, "guidance_embeds"},
		{`{"pooled_projection_dim": 0}`, "pooled_projection_dim"},
		{`{"new_option": 1}`, "new_option"},
	} {
		_, err := parseFluxConfig("f", []byte(test.config))
		var e *ConfigError
		require.ErrorAs(t, err, &e, test.config)
		require.Equal(t, test.key, e.Key, test.config)
	}
	_, err := parseFluxConfig("f", make([]byte, maxConfigBytes+1))
	var e *ConfigError
	require.ErrorAs(t, err, &e)
}
