package model

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDiTConfigDefaults are those of the constructor in diffusers 0.42.1.
func TestDiTConfigDefaults(t *testing.T) {
	want := DiTConfig{SampleSize: 32, InChannels: 4, OutChannels: 4, PatchSize: 2, Layers: 28, Heads: 16,
		HeadDim: 72, AttentionBias: true, Act: GELUTanh, NormEps: 1e-5, Classes: 1000}
	got, err := parseDiTConfig("f", []byte(`{}`))
	require.NoError(t, err)
	require.Equal(t, want, got)
	// As facebook/DiT-XL-2-256 has it, whose file names the class that DiT was a part of.
	got, err = parseDiTConfig("f", []byte(`{"_class_name": "Transformer2DModel", "_diffusers_version": "0.12.0.dev0",
		"activation_fn": "gelu-approximate", "attention_bias": true, "attention_head_dim": 72,
		"cross_attention_dim": null, "dropout": 0.0, "in_channels": 4, "norm_elementwise_affine": false,
		"norm_num_groups": 32, "norm_type": "ada_norm_zero", "num_attention_heads": 16,
		"num_embeds_ada_norm": 1000, "num_layers": 28, "num_vector_embeds": null,
		"only_cross_attention": false, "out_channels": 8, "patch_size": 2, "sample_size": 32,
		"upcast_attention": false, "use_linear_projection": false}`))
	require.NoError(t, err)
	want.OutChannels = 8
	require.Equal(t, want, got)
}

// TestDiTXL: the published size has the published number of weights, 675 million (Peebles and
// Xie, table 1) and what diffusers stores twice, the embeddings of every block but one.
func TestDiTXL(t *testing.T) {
	net, err := ParseNetwork("f", []byte(`{"_class_name": "DiTTransformer2DModel", "out_channels": 8}`))
	require.NoError(t, err)
	const width = 1152
	each := 1001*width + 256*width + width*width + 2*width
	require.InDelta(t, 675e6, float64(net.Params()-27*each), 0.5e6)
}

func TestDiTConfigErrors(t *testing.T) {
	for _, test := range []struct{ config, key string }{
		{`[]`, ""},
		{`{"_class_name": "UNet2DModel"}`, "_class_name"},
		{`{"_class_name": "Transformer2DModel"}`, "norm_type"},
		{`{"norm_type": "layer_norm"}`, "norm_type"},
		{`{"norm_type": null}`, "norm_type"},
		{`{"norm_elementwise_affine": true}`, "norm_elementwise_affine"},
		{`{"cross_attention_dim": 1152}`, "cross_attention_dim"},
		{`{"only_cross_attention": true}`, "only_cross_attention"},
		{`{"activation_fn": "geglu"}`, "activation_fn"},
		{`{"activation_fn": null}`, "activation_fn"},
		{`{"num_embeds_ada_norm": null}`, "num_embeds_ada_norm"},
		{`{"num_embeds_ada_norm": 0}`, "num_embeds_ada_norm"},
		{`{"num_layers": 257}`, "num_layers"},
		{`{"num_layers": 0}`, "num_layers"},
		{`{"patch_size": 3}`, "sample_size"},
		{`{"patch_size": null}`, "patch_size"},
		{`{"sample_size": [32, 32]}`, "sample_size"},
		{`{"num_attention_heads": 3, "attention_head_dim": 5}`, "num_attention_heads"},
		{`{"num_attention_heads": 16384, "attention_head_dim": 16384}`, "num_attention_heads"},
		{`{"out_channels": 16384, "patch_size": 64, "sample_size": 64}`, "out_channels"},
		{`{"norm_eps": -1}`, "norm_eps"},
		{`{"new_option": 1}`, "new_option"},
	} {
		_, err := parseDiTConfig("f", []byte(test.config))
		var e *ConfigError
		require.ErrorAs(t, err, &e, test.config)
		require.Equal(t, test.key, e.Key, test.config)
	}
	_, err := parseDiTConfig("f", make([]byte, maxConfigBytes+1))
	require.ErrorContains(t, err, "larger")
}

// TestOpenNetworkDiT: by its class, in its own folder or that of a pipeline.
func TestOpenNetworkDiT(t *testing.T) {
	net, err := OpenNetwork("testdata/dit")
	require.NoError(t, err)
	require.IsType(t, &DiT{}, net)
	dir := t.TempDir()
	_, err = OpenNetwork(dir)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.NoError(t, os.CopyFS(dir+"/transformer", os.DirFS("testdata/dit")))
	net, err = OpenNetwork(dir)
	require.NoError(t, err)
	require.IsType(t, &DiT{}, net)
	_, err = OpenDiT(dir)
	require.NoError(t, err)
	_, err = OpenDiT("testdata/unet2d_class")
	var e *ConfigError
	require.ErrorAs(t, err, &e)
	require.Equal(t, "_class_name", e.Key)
	require.True(t, strings.HasSuffix(e.File, "config.json"))
}
