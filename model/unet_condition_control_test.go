package model

import (
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/require"
)

// openControlled opens the U-Net of Stable Diffusion's form, a ControlNet for it, the
// inputs of one row, diffusers' residuals and its result with them added.
func openControlled(t *testing.T) (*UNetCondition, *ControlNet, Inputs, [][]float32, []float32) {
	u, err := OpenUNetCondition("testdata/unet_sd15")
	require.NoError(t, err)
	c, err := OpenControlNet("testdata/controlnet")
	require.NoError(t, err)
	in, residuals := controlGolden(t, c, "out")
	f, err := safetensors.Open("testdata/controlnet/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	want, err := f.Float32s("out.unet")
	require.NoError(t, err)
	return u, c, in, residuals, want
}

// TestResiduals holds the U-Net with the residuals that diffusers made against its
// result; residuals that are off by a little, or left out, fail.
func TestResiduals(t *testing.T) {
	plain, _, in, residuals, want := openControlled(t)
	u, err := plain.WithResiduals()
	require.NoError(t, err)
	in.Control, in.ControlScale = nil, nil
	size := Size{8, 8, 7}
	require.Greater(t, maxDiff(want, runCondition(t, plain, 1, size, in, 2)), 1e-3)
	in.Residuals = residuals
	d := maxDiff(want, runCondition(t, u, 1, size, in, 2))
	t.Logf("max abs difference %.2g", d)
	require.LessOrEqual(t, d, 5e-6)
	for i := range residuals {
		in.Residuals = append([][]float32{}, residuals...)
		in.Residuals[i] = make([]float32, len(residuals[i]))
		require.Greater(t, maxDiff(want, runCondition(t, u, 1, size, in, 2)), 1e-4, "without %d", i)
	}
	ex, err := u.CompileSize(1, size, nil)
	require.NoError(t, err)
	for _, wrong := range [][][]float32{nil, residuals[:4], append(residuals[:5:5], residuals[0]),
		{residuals[0], residuals[1], residuals[2], residuals[3], residuals[0]}} {
		in.Residuals = wrong
		var e *InputError
		require.ErrorAs(t, ex.Run(t.Context(), 1, in, make([]float32, len(want))), &e)
		require.Equal(t, "Residuals", e.Input)
	}
}

// TestWithControl holds the ControlNet and the U-Net as one graph against diffusers.
// Rows have the same bits alone and in a batch; without a factor nothing is added.
func TestWithControl(t *testing.T) {
	plain, c, in, _, want := openControlled(t)
	u, err := plain.WithControl(c)
	require.NoError(t, err)
	require.Equal(t, plain.Params()+c.Params(), u.Params())
	size := Size{8, 8, 7}
	got := runCondition(t, u, 1, size, in, 2)
	d := maxDiff(want, got)
	t.Logf("max abs difference %.2g", d)
	require.LessOrEqual(t, d, 5e-6)
	two := Inputs{Sample: twice(in.Sample), Timestep: twice(in.Timestep), Context: twice(in.Context),
		Control: twice(in.Control), ControlScale: append(make([]float32, 5), in.ControlScale...)}
	both := runCondition(t, u, 2, size, two, 2)
	sameBits(t, got, both[len(got):], "second row")
	in.Control, in.ControlScale = nil, nil
	require.LessOrEqual(t, maxDiff(runCondition(t, plain, 1, size, in, 2), both[:len(got)]), 1e-6)

	_, err = u.WithControl(c)
	require.Error(t, err)
	_, err = u.WithResiduals()
	require.Error(t, err)
}

func twice(x []float32) []float32 { return append(append([]float32{}, x...), x...) }

// TestWithControlRefuses: a ControlNet of another network is a *ConfigError that names
// the key.
func TestWithControlRefuses(t *testing.T) {
	plain, _, _, _, _ := openControlled(t)
	for key, text := range map[string]string{
		"in_channels":         `{"in_channels": 9, "cross_attention_dim": 24}`,
		"cross_attention_dim": `{"cross_attention_dim": 32}`,
		"layers_per_block":    `{"cross_attention_dim": 24}`,
		"block_out_channels": `{"cross_attention_dim": 24, "layers_per_block": 1, "block_out_channels": [32, 64],
			"down_block_types": ["DownBlock2D", "DownBlock2D"]}`,
		"projection_class_embeddings_input_dim": `{"cross_attention_dim": 24, "layers_per_block": 1,
			"block_out_channels": [32, 64], "down_block_types": ["DownBlock2D", "DownBlock2D"],
			"addition_embed_type": "text_time", "addition_time_embed_dim": 4, "projection_class_embeddings_input_dim": 40}`,
		"class_embed_type": `{"cross_attention_dim": 24, "layers_per_block": 1, "block_out_channels": [32, 64],
			"down_block_types": ["DownBlock2D", "DownBlock2D"], "num_class_embeds": 3}`,
	} {
		c, err := newControlNet("config.json", []byte(text), noWeights)
		require.NoError(t, err)
		_, err = plain.WithControl(c)
		var e *ConfigError
		require.ErrorAs(t, err, &e, key)
		require.Equal(t, key, e.Key, "%v", err)
	}
}

// TestControlCondition: the denoiser takes the control image from the condition, and
// refuses one of another size.
func TestControlCondition(t *testing.T) {
	plain, c, in, _, _ := openControlled(t)
	u, err := plain.WithControl(c)
	require.NoError(t, err)
	pool := workers.New(2)
	defer pool.Close()
	d, err := u.Denoiser(8, 8, pool)
	require.NoError(t, err)
	cond := TextEmbedding{Data: in.Context, Tokens: 7, Control: in.Control, ControlScale: in.ControlScale}
	require.NoError(t, d.check(&cond))
	none := TextEmbedding{Data: in.Context, Tokens: 7}
	require.NoError(t, d.check(&none))
	var got Inputs
	d.gatherControl(&got, []*TextEmbedding{&cond, &none})
	require.Equal(t, append(append([]float32{}, in.Control...), make([]float32, 768)...), got.Control)
	require.Equal(t, append(append([]float32{}, in.ControlScale...), make([]float32, 5)...), got.ControlScale)
	for _, wrong := range []TextEmbedding{{Control: in.Control[:5], ControlScale: in.ControlScale},
		{Control: in.Control}, {ControlScale: in.ControlScale}} {
		wrong.Data, wrong.Tokens = in.Context, 7
		var e *InputError
		require.ErrorAs(t, d.check(&wrong), &e)
	}
	simple, err := plain.Denoiser(8, 8, pool)
	require.NoError(t, err)
	var e *InputError
	require.ErrorAs(t, simple.check(&cond), &e)
}
