package model

import (
	"testing"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/require"
)

// TestAdditionConfig: what addition_embed_type "text_time" needs, and what follows.
func TestAdditionConfig(t *testing.T) {
	type m = map[string]any
	for _, x := range []struct {
		key string
		set m
	}{
		{"addition_embed_type", m{"addition_embed_type": "text"}},
		{"addition_embed_type", m{"addition_embed_type": 3}},
		{"addition_embed_type", m{"addition_time_embed_dim": nil}},
		{"addition_embed_type", m{"projection_class_embeddings_input_dim": nil}},
		{"addition_time_embed_dim", m{"addition_time_embed_dim": 0}},
		{"addition_time_embed_dim", m{"addition_time_embed_dim": 1e9}},
		{"projection_class_embeddings_input_dim", m{"projection_class_embeddings_input_dim": 48}},
		{"projection_class_embeddings_input_dim", m{"projection_class_embeddings_input_dim": 1 << 19}},
		{"projection_class_embeddings_input_dim", m{"projection_class_embeddings_input_dim": "all"}},
		{"freq_shift", m{"freq_shift": 4}},
	} {
		_, err := buildCondition(changedCondition(t, "unet_sdxl", x.set))
		var e *ConfigError
		require.ErrorAs(t, err, &e, "%v", x.set)
		require.Equal(t, x.key, e.Key, "%v: %v", x.set, err)
	}
	c, err := parseUNetConditionConfig("config.json", changedCondition(t, "unet_sdxl", m{"addition_embed_type": nil}))
	require.NoError(t, err)
	require.Zero(t, c.PooledDim+c.TimeIDs+c.TimeIDDim)
}

// TestAdditionReal: Stable Diffusion XL, whose weights are counted, and its refiner.
func TestAdditionReal(t *testing.T) {
	u, err := buildCondition([]byte(`{"addition_embed_type": "text_time", "addition_time_embed_dim": 256,
		"attention_head_dim": [5, 10, 20], "block_out_channels": [320, 640, 1280], "cross_attention_dim": 2048,
		"down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
		"up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
		"projection_class_embeddings_input_dim": 2816, "sample_size": 128,
		"transformer_layers_per_block": [1, 2, 10], "use_linear_projection": true}`))
	require.NoError(t, err)
	require.Equal(t, int64(2567463684), int64(u.Params())) // as diffusers counts the published network
	c := u.Config()
	require.Equal(t, []int{1280, 6, 256}, []int{c.PooledDim, c.TimeIDs, c.TimeIDDim})

	u, err = buildCondition([]byte(`{"addition_embed_type": "text_time", "addition_time_embed_dim": 256,
		"attention_head_dim": [6, 12, 24, 24], "block_out_channels": [384, 768, 1536, 1536],
		"cross_attention_dim": 1280, "transformer_layers_per_block": 4, "use_linear_projection": true,
		"down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
		"up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
		"projection_class_embeddings_input_dim": 2560, "sample_size": 128}`))
	require.NoError(t, err)
	c = u.Config()
	require.Equal(t, []int{1280, 5, 256}, []int{c.PooledDim, c.TimeIDs, c.TimeIDDim})
}

// TestAdditionPlantedFaults: weights off by a little, sizes of another row, and pooled
// texts of another row fail the comparison.
func TestAdditionPlantedFaults(t *testing.T) {
	u, g := openCondition(t, "unet_sdxl")
	for name, change := range map[string]func(in *Inputs){
		"sizes":  func(in *Inputs) { in.TimeIDs = append(in.TimeIDs[6:12:12], in.TimeIDs[:6]...) },
		"pooled": func(in *Inputs) { in.Pooled = append(in.Pooled[16:32:32], in.Pooled[:16]...) },
		"order":  func(in *Inputs) { in.TimeIDs = append([]float32{0, 0}, in.TimeIDs[:10]...) },
	} {
		in := g.in
		change(&in)
		require.Greater(t, maxDiff(g.want, runCondition(t, u, g.n, g.size, in, 2)), 1e-4, name)
	}
	for _, name := range []string{"add_embedding.linear_1.weight", "add_embedding.linear_2.bias",
		"mid_block.attentions.0.transformer_blocks.1.attn2.to_v.weight"} {
		u, err := OpenUNetCondition(copyModel(t, "unet_sdxl", func(d []safetensors.Data) []safetensors.Data {
			v := find(d, name).F32
			for i := range v {
				v[i] *= 1.02
			}
			return d
		}))
		require.NoError(t, err)
		require.Greater(t, maxDiff(g.want, runCondition(t, u, g.n, g.size, g.in, 2)), 2e-5, name)
	}
}
