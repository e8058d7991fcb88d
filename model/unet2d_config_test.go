package model

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// changed is the ddpm test network's config with keys replaced (nil deletes).
func changed(t testing.TB, changes map[string]any) []byte {
	data, err := os.ReadFile("testdata/unet2d_ddpm/config.json")
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(data, &m))
	maps.Copy(m, changes)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == deleted })
	data, err = json.Marshal(m)
	require.NoError(t, err)
	return data
}

var deleted = &struct{ deleted bool }{}

func build(data []byte) (*UNet2D, error) { return newUNet2D("config.json", data, noWeights) }

func noWeights(*Graph) (*Weights, error) { return nil, nil }

// TestHostileConfigs: every wrong value is a *ConfigError that names the key, made
// before anything large is allocated.
func TestHostileConfigs(t *testing.T) {
	list := func(v any, n int) []any {
		out := make([]any, n)
		for i := range out {
			out[i] = v
		}
		return out
	}
	type m = map[string]any
	cases := []struct {
		key string
		set m
	}{
		{"in_channels", m{"in_channels": 1e9}},
		{"in_channels", m{"in_channels": 0}},
		{"in_channels", m{"in_channels": -3}},
		{"in_channels", m{"in_channels": 2.5}},
		{"in_channels", m{"in_channels": "3"}},
		{"in_channels", m{"in_channels": nil}},
		{"out_channels", m{"out_channels": 1e300}},
		{"block_out_channels", m{"block_out_channels": []int{16, 1e9}}},
		{"block_out_channels", m{"block_out_channels": []int{0, 32}}},
		{"block_out_channels", m{"block_out_channels": []int{}}},
		{"block_out_channels", m{"block_out_channels": 16}},
		{"block_out_channels", m{"block_out_channels": []int{16, 32, 64}}},
		{"block_out_channels", m{"block_out_channels": list(16, 1000)}},
		{"block_out_channels", m{"block_out_channels": []any{16, nil}}},
		{"layers_per_block", m{"layers_per_block": 0}},
		{"layers_per_block", m{"layers_per_block": 1e6}},
		{"sample_size", m{"sample_size": 0}},
		{"sample_size", m{"sample_size": 1e7}},
		{"sample_size", m{"sample_size": []int{16}}},
		{"sample_size", m{"sample_size": []int{16, 16, 16}}},
		{"sample_size", m{"sample_size": 15}}, // 15 -> 8 -> 16
		{"norm_num_groups", m{"norm_num_groups": 0}},
		{"norm_num_groups", m{"norm_num_groups": 7}},
		{"norm_num_groups", m{"norm_num_groups": nil}},
		{"attn_norm_num_groups", m{"attn_norm_num_groups": -1}},
		{"norm_num_groups", m{"attn_norm_num_groups": 3}},
		{"norm_eps", m{"norm_eps": -1}},
		{"norm_eps", m{"norm_eps": 0}},
		{"attention_head_dim", m{"attention_head_dim": 0}},
		{"attention_head_dim", m{"attention_head_dim": 64}}, // more than the channels
		{"act_fn", m{"act_fn": "tanh"}},
		{"act_fn", m{"act_fn": nil}},
		{"down_block_types", m{"down_block_types": []string{"DownBlock2D", "CrossAttnDownBlock2D"}}},
		{"down_block_types", m{"down_block_types": []any{"DownBlock2D", 3}}},
		{"down_block_types", m{"down_block_types": nil}},
		{"up_block_types", m{"up_block_types": []string{"KUpBlock2D", "UpBlock2D"}}},
		{"mid_block_type", m{"mid_block_type": "UNetMidBlock2DCrossAttn"}},
		{"mid_block_scale_factor", m{"mid_block_scale_factor": 0}},
		{"time_embedding_type", m{"time_embedding_type": "learned"}},
		{"time_embedding_type", m{"time_embedding_type": nil}},
		{"time_embedding_dim", m{"time_embedding_dim": 1e12}},
		{"freq_shift", m{"freq_shift": 8}},
		{"resnet_time_scale_shift", m{"resnet_time_scale_shift": "spatial"}},
		{"downsample_type", m{"downsample_type": "fir"}},
		{"upsample_type", m{"upsample_type": "fir"}},
		{"downsample_padding", m{"downsample_padding": 5}},
		{"class_embed_type", m{"class_embed_type": "projection"}},
		{"num_class_embeds", m{"num_class_embeds": 0}},
		{"num_class_embeds", m{"num_class_embeds": 1e10}},
		{"center_input_sample", m{"center_input_sample": "yes"}},
		{"dropout", m{"dropout": 2}},
		{"encoder_hid_dim", m{"encoder_hid_dim": 768}},
		{"_class_name", m{"_class_name": "UNet2DConditionModel"}},
		{"in_channels", m{"in_channels": 4, "down_block_types": []string{"SkipDownBlock2D", "DownBlock2D"}}},
		{"out_channels", m{"out_channels": 6, "up_block_types": []string{"SkipUpBlock2D", "SkipUpBlock2D"}}},
	}
	require.GreaterOrEqual(t, len(cases), 25)
	for _, c := range cases {
		u, err := build(changed(t, c.set))
		require.Nil(t, u, "%v", c.set)
		var e *ConfigError
		require.ErrorAs(t, err, &e, "%v", c.set)
		require.Equal(t, c.key, e.Key, "%v: %v", c.set, err)
		require.Equal(t, "config.json", e.File)
		require.Less(t, len(err.Error()), 1500)
	}
}

// TestConfigSyntax: files that are not one JSON object.
func TestConfigSyntax(t *testing.T) {
	for _, s := range []string{
		"", "{", "[]", "null", "3", `{"in_channels": NaN}`, `{"in_channels": Infinity}`,
		`{"in_channels": 3,}`, `{"in_channels": 3} {}`, `{"in_channels": 3, "in_channels": 4}`,
		`{"in_channels": 1e999}`, `{"a": ` + strings.Repeat("[", 100_000), "\x00\xff",
		`{"block_out_channels": [16, 1e400]}`, `{` + strings.Repeat(" ", 2<<20) + `}`,
	} {
		u, err := build([]byte(s))
		require.Nil(t, u)
		var e *ConfigError
		require.ErrorAs(t, err, &e, "%.40q", s)
	}
}

// TestUnsupportedListsSupported: the error says what would be accepted.
func TestUnsupportedListsSupported(t *testing.T) {
	_, err := build(changed(t, map[string]any{"up_block_types": []string{"UpBlock2D", "Foo"}}))
	var e *ConfigError
	require.True(t, errors.As(err, &e))
	require.Equal(t, upBlockTypes, e.Supported)
	require.ErrorContains(t, err, `"Foo" is not supported (supported: UpBlock2D, AttnUpBlock2D`)
}

// TestConfigVariants: every option that is supported builds a valid graph.
func TestConfigVariants(t *testing.T) {
	type m = map[string]any
	for _, c := range []m{
		{}, {"sample_size": nil}, {"sample_size": []int{16, 32}}, {"mid_block_type": nil},
		{"add_attention": false}, {"attn_norm_num_groups": 4}, {"act_fn": "mish"}, {"act_fn": "gelu"},
		{"act_fn": "relu"}, {"act_fn": "swish"}, {"class_embed_type": "timestep"}, {"layers_per_block": 3},
		{"class_embed_type": "identity"}, {"num_class_embeds": 10}, {"time_embedding_type": "fourier"},
		{"time_embedding_type": "fourier", "class_embed_type": "timestep"}, {"time_embedding_dim": 48},
		{"downsample_type": "resnet", "upsample_type": "resnet"}, {"downsample_type": nil},
		{"center_input_sample": true}, {"resnet_time_scale_shift": "scale_shift"},
		{"attention_head_dim": 12}, // 2 heads of 12 of 32 channels
		{"block_out_channels": []int{17, 34}, "norm_num_groups": 17},
		{"down_block_types": []string{"UNetResDownBlock2D", "UNetResAttnDownBlock2D"}},
		{"dropout": 0.1, "num_train_timesteps": 1000, "_anything": []int{1}},
		{"_class_name": deleted, "norm_eps": deleted, "act_fn": deleted},
	} {
		u, err := build(changed(t, c))
		require.NoError(t, err, "%v", c)
		w, err := randomWeights(u.graph)
		require.NoError(t, err)
		u.weights = w
		ex, err := u.CompileSize(1, 16, 32, nil)
		require.NoError(t, err, "%v", c)
		in := Inputs{Sample: make([]float32, 3*16*32), Timestep: []float32{10}}
		for _, x := range u.Graph().Inputs {
			switch x.Kind {
			case InputClass:
				in.Class = []int64{1}
			case InputClassEmbedding:
				in.ClassEmbedding = make([]float32, x.Channels)
			}
		}
		out := make([]float32, ex.OutShape().Len())
		require.NoError(t, ex.Run(t.Context(), 1, in, out))
		require.Less(t, maxDiff(out, out), 1.0, "%v", c) // finite
	}
}

// TestSizes: compile refuses sizes that do not fit.
func TestSizes(t *testing.T) {
	u := randomUNet(t, "testdata/unet2d_ddpm/config.json")
	var e *ShapeError
	for _, c := range [][3]int{{0, 16, 16}, {-1, 16, 16}, {1, 0, 16}, {1, 16, -4}, {1, 15, 16}, {1, 1 << 30, 16},
		{1 << 30, 16, 16}, {1 << 14, 1 << 14, 1 << 14}, {1, 1 << 14, 1 << 14}} {
		_, err := u.CompileSize(c[0], c[1], c[2], nil)
		require.ErrorAs(t, err, &e, "%v", c)
	}
	u.config.SampleHeight = 0
	_, err := u.Compile(1, nil)
	require.ErrorAs(t, err, &e)
}

// FuzzConfig: no config.json makes parsing, building or shape inference panic, and what
// is accepted is a valid graph.
func FuzzConfig(f *testing.F) {
	for _, name := range goldenNames {
		data, err := os.ReadFile("testdata/" + name + "/config.json")
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		u, err := build(data)
		if err != nil {
			return
		}
		require.NoError(t, u.Graph().Validate())
		_, _ = u.Graph().Shapes(32, 32)
	})
}
