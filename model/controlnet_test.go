package model

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/require"
)

// controlGolden reads the inputs and the results of a kind.
func controlGolden(t testing.TB, c *ControlNet, kind string) (Inputs, [][]float32) {
	f, err := safetensors.Open("testdata/controlnet/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	in := readGolden(t, f, [4]string{"in.x", "in.t", "in.y", "out.unet"}).in
	read := func(name string) []float32 {
		v, err := f.Float32s(name)
		require.NoError(t, err)
		return v
	}
	in.Context, in.Control = read("in.ctx"), read("in.cond")
	n := c.config.Residuals()
	in.ControlScale = ControlScales(n, 0.8, kind == "guess")
	var want [][]float32
	for i := range n - 1 {
		want = append(want, read(fmt.Sprintf("%s.down%d", kind, i)))
	}
	return in, append(want, read(kind+".mid"))
}

// runControl gives the residuals of one row of 8x8 latents and 7 tokens.
func runControl(t testing.TB, c *ControlNet, in Inputs) [][]float32 {
	pool := workers.New(2)
	defer pool.Close()
	ex, err := c.CompileSize(1, Size{8, 8, 7}, pool)
	require.NoError(t, err)
	var outs [][]float32
	for _, y := range c.graph.Outputs {
		outs = append(outs, make([]float32, ex.shapes[y].Len()))
	}
	require.NoError(t, ex.RunAll(t.Context(), 1, in, outs))
	return outs
}

// changedControl is the test network with keys of its config replaced.
func changedControl(t testing.TB, changes map[string]any) (*ControlNet, error) {
	data, err := os.ReadFile("testdata/controlnet/config.json")
	require.NoError(t, err)
	var m map[string]any
	require.NoError(t, json.Unmarshal(data, &m))
	maps.Copy(m, changes)
	data, err = json.Marshal(m)
	require.NoError(t, err)
	root, err := os.OpenRoot("testdata")
	require.NoError(t, err)
	defer root.Close()
	_, _, load, err := openPart(root.FS(), "controlnet", "", weightFiles)
	require.NoError(t, err)
	return newControlNet("config.json", data, load)
}

// TestControlNetGolden holds the residuals against diffusers' float32 results (up to
// 0.36), which are 6e-7 of their maximum away from float64: for a scale of 0.8, in guess
// mode, and with the channels of the image reversed.
func TestControlNetGolden(t *testing.T) {
	for kind, order := range map[string]string{"out": "rgb", "guess": "rgb", "bgr": "bgr"} {
		c, err := changedControl(t, map[string]any{"controlnet_conditioning_channel_order": order})
		require.NoError(t, err)
		require.Equal(t, 105484, c.Params()) // as diffusers counts
		in, want := controlGolden(t, c, kind)
		for i, got := range runControl(t, c, in) {
			d := maxDiff(want[i], got)
			t.Logf("%s %d: max abs difference %.2g", kind, i, d)
			require.LessOrEqual(t, d, 3e-6, "%s %d", kind, i)
		}
	}
}

// TestControlNetPlantedFaults: another scale, another image and weights off by a little
// fail the comparison.
func TestControlNetPlantedFaults(t *testing.T) {
	c, err := OpenControlNet("testdata/controlnet")
	require.NoError(t, err)
	in, want := controlGolden(t, c, "out")
	worst := func(c *ControlNet, in Inputs) (d float64) {
		for i, got := range runControl(t, c, in) {
			d = max(d, maxDiff(want[i], got))
		}
		return d
	}
	require.LessOrEqual(t, worst(c, in), 3e-6)
	off := in
	off.ControlScale = ControlScales(5, 0.801, false)
	require.Greater(t, worst(c, off), 1e-4)
	off = in
	off.Control = append(in.Control[256:768:768], in.Control[:256]...)
	require.Greater(t, worst(c, off), 1e-4)
	for _, name := range []string{"controlnet_cond_embedding.conv_in.weight",
		"controlnet_cond_embedding.blocks.1.bias", "controlnet_cond_embedding.conv_out.weight",
		"controlnet_down_blocks.3.weight", "controlnet_mid_block.bias", "conv_in.bias"} {
		c, err := OpenControlNet(copyModel(t, "controlnet", func(d []safetensors.Data) []safetensors.Data {
			v := find(d, name).F32
			for i := range v {
				v[i] *= 1.05
			}
			return d
		}))
		require.NoError(t, err)
		require.Greater(t, worst(c, in), 2e-5, name)
	}
}

// TestControlNetInputs: what is missing or of the wrong size is an *InputError that
// names it.
func TestControlNetInputs(t *testing.T) {
	c, err := OpenControlNet("testdata/controlnet")
	require.NoError(t, err)
	good, want := controlGolden(t, c, "out")
	ex, err := c.CompileSize(1, Size{8, 8, 7}, nil)
	require.NoError(t, err)
	for name, change := range map[string]func(in *Inputs){
		"Control":      func(in *Inputs) { in.Control = in.Control[:100] },
		"ControlScale": func(in *Inputs) { in.ControlScale = nil },
		"Context":      func(in *Inputs) { in.Context = nil },
		"Residuals":    func(in *Inputs) { in.Residuals = want },
		"Pooled":       func(in *Inputs) { in.Pooled = make([]float32, 8) },
	} {
		in := good
		change(&in)
		var e *InputError
		require.ErrorAs(t, ex.RunAll(t.Context(), 1, in, want), &e, name)
		require.Equal(t, name, e.Input)
	}
	var e *ShapeError
	_, err = c.CompileSize(1, Size{maxSide, 8, 7}, nil)
	require.ErrorAs(t, err, &e)
}

// TestHostileControlNetConfigs: every wrong or unsupported value is a *ConfigError that
// names the key.
func TestHostileControlNetConfigs(t *testing.T) {
	type m = map[string]any
	for _, x := range []struct {
		key string
		set m
	}{
		{"_class_name", m{"_class_name": "UNet2DConditionModel"}},
		{"conditioning_channels", m{"conditioning_channels": 0}},
		{"conditioning_embedding_out_channels", m{"conditioning_embedding_out_channels": []int{}}},
		{"conditioning_embedding_out_channels", m{"conditioning_embedding_out_channels": []int{4, 0}}},
		{"conditioning_embedding_out_channels", m{"conditioning_embedding_out_channels": nil}},
		{"controlnet_conditioning_channel_order", m{"controlnet_conditioning_channel_order": "gbr"}},
		{"controlnet_conditioning_channel_order", m{"controlnet_conditioning_channel_order": nil}},
		{"global_pool_conditions", m{"global_pool_conditions": true}},
		{"block_out_channels", m{"block_out_channels": []int{16}}},
		{"block_out_channels", m{"block_out_channels": nil}},
		{"down_block_types", m{"down_block_types": []string{"AttnDownBlock2D", "DownBlock2D"}}},
		{"mid_block_type", m{"mid_block_type": nil}},
		{"layers_per_block", m{"layers_per_block": 0}},
		{"attention_head_dim", m{"attention_head_dim": 64}},
		{"encoder_hid_dim", m{"encoder_hid_dim": 8}},
		{"up_block_types", m{"up_block_types": []string{"UpBlock2D"}}},
		{"sample_size", m{"sample_size": 8}},
	} {
		_, err := changedControl(t, x.set)
		var e *ConfigError
		require.ErrorAs(t, err, &e, "%v", x.set)
		require.Equal(t, x.key, e.Key, "%v: %v", x.set, err)
	}
	_, err := changedControl(t, m{"conditioning_channels": 4})
	var e *WeightError
	require.ErrorAs(t, err, &e)
}

// TestControlNetReal counts the weights of lllyasviel/sd-controlnet-canny.
func TestControlNetReal(t *testing.T) {
	c, err := newControlNet("config.json", []byte(`{"cross_attention_dim": 768}`), noWeights)
	require.NoError(t, err)
	require.Equal(t, 361279120, c.Params()) // as diffusers counts ControlNetModel(cross_attention_dim=768)
	config := c.Config()
	require.Equal(t, []int{13, 8}, []int{config.Residuals(), config.Factor()})
}

// TestMulRow: rows are multiplied by a number of their own, and an index past the
// vector is refused.
func TestMulRow(t *testing.T) {
	b := newBuilder("test")
	x, s := b.input(InputSample, 2), b.input(InputControlScale, 3)
	b.g.Outputs = []TensorID{b.add(MulRow{Base: b.base("y", 2), X: x, T: s, Index: 1})}
	w, err := NewWeights(b.g, nil)
	require.NoError(t, err)
	ex, err := NewExecutor(b.g, w, 2, 1, 2, nil)
	require.NoError(t, err)
	out := make([]float32, 8)
	require.NoError(t, ex.Run(t.Context(), 2, Inputs{Sample: []float32{1, 2, 3, 4, 5, 6, 7, 8},
		ControlScale: []float32{0, 2, 9, 0, -1, 9}}, out))
	require.Equal(t, []float32{2, 4, 6, 8, -5, -6, -7, -8}, out)
	var e *ShapeError
	for _, op := range []MulRow{{X: x, T: s, Index: 3}, {X: x, T: s, Index: -1}, {X: x, T: x}} {
		_, err := op.infer(func(id TensorID) Shape { return []Shape{{2, 1, 2}, {3, 1, 1}}[id] })
		require.ErrorAs(t, err, &e, "%#v", op)
	}
}

// TestControlScales against torch.logspace(-1, 0, 5) * 0.8.
func TestControlScales(t *testing.T) {
	require.Equal(t, []float32{0.5, 0.5, 0.5}, ControlScales(3, 0.5, false))
	got := ControlScales(5, 0.8, true)
	for i, want := range []float64{0.08, 0.1422623, 0.2529822, 0.4498731, 0.8} {
		require.InDelta(t, want, got[i], 1e-7)
	}
	require.Equal(t, []float32{0.8}, ControlScales(1, 0.8, true))
	require.Nil(t, ControlScales(0, 1, true))
}
