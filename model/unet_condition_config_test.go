package model

import (
	"encoding/json"
	"maps"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// changedCondition is the config of a test network with keys replaced.
func changedCondition(t testing.TB, name string, changes map[string]any) []byte {
	data, err := os.ReadFile("testdata/" + name + "/config.json")
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(data, &m))
	maps.Copy(m, changes)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == deleted })
	data, err = json.Marshal(m)
	require.NoError(t, err)
	return data
}

func buildCondition(data []byte) (*UNetCondition, error) {
	return newUNetCondition("config.json", data, noWeights)
}

// TestHostileConditionConfigs: every wrong or unsupported value is a *ConfigError that
// names the key.
func TestHostileConditionConfigs(t *testing.T) {
	type m = map[string]any
	for _, c := range []struct {
		key string
		set m
	}{
		{"_class_name", m{"_class_name": "UNet2DModel"}},
		{"in_channels", m{"in_channels": 0}},
		{"in_channels", m{"in_channels": "4"}},
		{"out_channels", m{"out_channels": 1e300}},
		{"sample_size", m{"sample_size": []int{8}}},
		{"sample_size", m{"sample_size": 1e7}},
		{"sample_size", m{"downsample_padding": 0, "sample_size": 7}}, // 7 -> 3 -> 6
		{"block_out_channels", m{"block_out_channels": []int{16}}},
		{"block_out_channels", m{"block_out_channels": []int{}}},
		{"block_out_channels", m{"block_out_channels": nil}},
		{"block_out_channels", m{"down_block_types": []string{"DownBlock2D"}}},
		{"down_block_types", m{"down_block_types": []string{"AttnDownBlock2D", "DownBlock2D"}}},
		{"down_block_types", m{"down_block_types": []string{"SimpleCrossAttnDownBlock2D", "DownBlock2D"}}},
		{"up_block_types", m{"up_block_types": []string{"UpBlock2D", "CrossAttnDownBlock2D"}}},
		{"mid_block_type", m{"mid_block_type": "UNetMidBlock2DSimpleCrossAttn"}},
		{"mid_block_scale_factor", m{"mid_block_scale_factor": 0}},
		{"mid_block_only_cross_attention", m{"mid_block_only_cross_attention": true}},
		{"layers_per_block", m{"layers_per_block": []int{1}}},
		{"layers_per_block", m{"layers_per_block": []int{1, 0}}},
		{"layers_per_block", m{"layers_per_block": 1e6}},
		{"transformer_layers_per_block", m{"transformer_layers_per_block": []any{1, []int{1, 2}}}},
		{"transformer_layers_per_block", m{"transformer_layers_per_block": 0}},
		{"transformer_layers_per_block", m{"transformer_layers_per_block": nil}},
		{"transformer_layers_per_block", m{"transformer_layers_per_block": 64, "layers_per_block": 64}},
		{"reverse_transformer_layers_per_block", m{"reverse_transformer_layers_per_block": []int{1, 1}}},
		{"attention_head_dim", m{"attention_head_dim": nil}},
		{"attention_head_dim", m{"attention_head_dim": 17}}, // more heads than channels
		{"attention_head_dim", m{"attention_head_dim": []int{4, 33}}},
		{"attention_head_dim", m{"attention_head_dim": []int{4, 4, 4}}},
		{"attention_head_dim", m{"attention_head_dim": 0}},
		{"num_attention_heads", m{"num_attention_heads": 4}},
		{"cross_attention_dim", m{"cross_attention_dim": nil}},
		{"cross_attention_dim", m{"cross_attention_dim": 1e9}},
		{"cross_attention_dim", m{"cross_attention_dim": []int{24, 32}}},
		{"only_cross_attention", m{"only_cross_attention": []bool{true}}},
		{"only_cross_attention", m{"only_cross_attention": []any{true, 1}}},
		{"only_cross_attention", m{"only_cross_attention": nil}},
		{"dual_cross_attention", m{"dual_cross_attention": true}},
		{"attention_type", m{"attention_type": "gated"}},
		{"attention_type", m{"attention_type": nil}},
		{"cross_attention_norm", m{"cross_attention_norm": "layer_norm"}},
		{"encoder_hid_dim", m{"encoder_hid_dim": 768}},
		{"encoder_hid_dim_type", m{"encoder_hid_dim_type": "text_proj"}},
		{"addition_embed_type", m{"addition_embed_type": "text_image"}},
		{"class_embed_type", m{"class_embed_type": "projection"}},
		{"class_embed_type", m{"class_embed_type": "simple_projection"}},
		{"class_embeddings_concat", m{"class_embeddings_concat": true}},
		{"num_class_embeds", m{"num_class_embeds": 1e10}},
		{"time_embedding_type", m{"time_embedding_type": "fourier"}},
		{"time_embedding_dim", m{"time_embedding_dim": -1}},
		{"time_embedding_act_fn", m{"time_embedding_act_fn": "tanh"}},
		{"timestep_post_act", m{"timestep_post_act": "silu"}},
		{"time_cond_proj_dim", m{"time_cond_proj_dim": 0}},
		{"freq_shift", m{"freq_shift": 8}},
		{"conv_in_kernel", m{"conv_in_kernel": 4}},
		{"conv_out_kernel", m{"conv_out_kernel": 1e4}},
		{"norm_num_groups", m{"norm_num_groups": nil}},
		{"norm_num_groups", m{"norm_num_groups": 7}},
		{"norm_eps", m{"norm_eps": 0}},
		{"attn_norm_num_groups", m{"attn_norm_num_groups": 4}}, // an option of UNet2DModel
		{"act_fn", m{"act_fn": "tanh"}},
		{"act_fn", m{"act_fn": nil}},
		{"resnet_time_scale_shift", m{"resnet_time_scale_shift": "ada_group"}},
		{"resnet_skip_time_act", m{"resnet_skip_time_act": true}},
		{"resnet_out_scale_factor", m{"resnet_out_scale_factor": 1.4}},
		{"use_linear_projection", m{"use_linear_projection": 1}},
		{"upcast_attention", m{"upcast_attention": 1}},
		{"use_conv_projection", m{"use_conv_projection": true}},
	} {
		u, err := buildCondition(changedCondition(t, "unet_sd15", c.set))
		require.Nil(t, u, "%v", c.set)
		var e *ConfigError
		require.ErrorAs(t, err, &e, "%v", c.set)
		require.Equal(t, c.key, e.Key, "%v: %v", c.set, err)
		require.Less(t, len(err.Error()), 2000)
	}
	_, err := buildCondition(make([]byte, maxConfigBytes+1))
	require.ErrorContains(t, err, "larger than")
}

// TestConditionConfigSupported: an error says what would be accepted.
func TestConditionConfigSupported(t *testing.T) {
	for want, set := range map[string]map[string]any{
		`"addition_embed_type": "image" is not supported (supported: text_time)`: {"addition_embed_type": "image"},
		`"dual_cross_attention": true is not supported (supported: false)`:       {"dual_cross_attention": true},
		`"AttnUpBlock2D" is not supported (supported: CrossAttnUpBlock2D, UpBlock2D)`: {
			"up_block_types": []string{"UpBlock2D", "AttnUpBlock2D"}},
		`"layers_per_block": has 3 elements, wanted 2`: {"layers_per_block": []int{1, 2, 3}},
	} {
		_, err := buildCondition(changedCondition(t, "unet_sd15", set))
		require.ErrorContains(t, err, want)
	}
}

// TestConditionDefaults: a file of the first release of Stable Diffusion leaves out most
// keys; the defaults are those of diffusers.
func TestConditionDefaults(t *testing.T) {
	u, err := buildCondition([]byte(`{"_class_name": "UNet2DConditionModel", "_diffusers_version": "0.6.0",
		"act_fn": "silu", "attention_head_dim": 8, "block_out_channels": [320, 640, 1280, 1280],
		"center_input_sample": false, "cross_attention_dim": 768, "down_block_types": ["CrossAttnDownBlock2D",
		"CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"], "downsample_padding": 1,
		"flip_sin_to_cos": true, "freq_shift": 0, "in_channels": 4, "layers_per_block": 2,
		"mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 32, "out_channels": 4,
		"sample_size": 64, "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D",
		"CrossAttnUpBlock2D"]}`))
	require.NoError(t, err)
	require.Equal(t, 859_520_964, u.Params()) // as diffusers counts Stable Diffusion 1.5
	require.Equal(t, 768, u.ContextDim())
	require.Equal(t, []int{2, 2, 2, 2}, u.Config().LayersPerBlock)

	u, err = buildCondition([]byte(`{}`))
	require.NoError(t, err)
	require.Equal(t, 1280, u.ContextDim())
	eight, one, two := []int{8, 8, 8, 8}, []int{1, 1, 1, 1}, []int{2, 2, 2, 2}
	require.Equal(t, UNetConditionConfig{InChannels: 4, OutChannels: 4, TimeEmbeddingDim: 1280, FlipSinToCos: true,
		DownBlocks: []string{"CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"},
		UpBlocks:   []string{"UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"},
		MidBlock:   "UNetMidBlock2DCrossAttn", MidBlockScale: 1, BlockChannels: []int{320, 640, 1280, 1280},
		LayersPerBlock: two, TransformerLayers: one, AttentionHeads: eight, CrossAttentionDim: 1280,
		OnlyCrossAttention: make([]bool, 4), DownsamplePadding: 1, ConvInKernel: 3, ConvOutKernel: 3, Act: SiLU,
		NormGroups: 32, NormEps: 1e-5}, u.Config())
}

// TestConditionSizes: what does not fit is refused when it is compiled.
func TestConditionSizes(t *testing.T) {
	u, _ := openCondition(t, "unet_sd15")
	var e *ShapeError
	for _, s := range []Size{{8, 8, 0}, {8, 8, -1}, {8, 8, maxSide + 1}, {0, 8, 7}, {8, 1 << 30, 7}} {
		_, err := u.CompileSize(1, s, nil)
		require.ErrorAs(t, err, &e, "%v", s)
	}
	ex, err := u.CompileSize(2, Size{8, 8, 7}, nil)
	require.NoError(t, err)
	in := randomCondition(u, 2, Size{8, 8, 7})
	out := make([]float32, 2*4*8*8)
	require.NoError(t, ex.Run(t.Context(), 2, in, out))
	for name, bad := range map[string]Inputs{
		"Context":      {Sample: in.Sample, Timestep: in.Timestep, Context: in.Context[1:]},
		"TimestepCond": {Sample: in.Sample, Timestep: in.Timestep, Context: in.Context, TimestepCond: in.Timestep},
	} {
		var wrong *InputError
		require.ErrorAs(t, ex.Run(t.Context(), 2, bad, out), &wrong)
		require.Equal(t, name, wrong.Input)
	}
}

// FuzzConditionConfig: no config.json makes parsing, building or shape inference panic,
// and what is accepted is a valid graph.
func FuzzConditionConfig(f *testing.F) {
	for _, name := range conditionNames {
		data, err := os.ReadFile("testdata/" + name + "/config.json")
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := buildCondition(data)
		if err != nil {
			return
		}
		require.NoError(t, u.Graph().Validate())
		_, _ = u.Graph().ShapesAt(Size{31, 17, 3})
	})
}
