package model

import (
	"errors"
	"os"
	"testing"
	"testing/fstest"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/require"
)

// TestConditionWeightErrors: tensors that do not fit are named.
func TestConditionWeightErrors(t *testing.T) {
	const block = "down_blocks.0.attentions.0.transformer_blocks.0."
	type edit = func(d []safetensors.Data) []safetensors.Data
	reshape := func(name string, shape ...int) edit {
		return func(d []safetensors.Data) []safetensors.Data {
			find(d, name).Shape = shape
			return d
		}
	}
	for _, c := range []struct {
		tensor, wanted, found string
		cause                 error
		edit                  edit
	}{
		{block + "attn2.to_k.weight", "shape [16 24]", "shape [24 16]", safetensors.ErrShape,
			reshape(block+"attn2.to_k.weight", 24, 16)},
		{block + "ff.net.0.proj.weight", "shape [128 16]", "shape [64 32]", safetensors.ErrShape,
			reshape(block+"ff.net.0.proj.weight", 64, 32)},
		// The projections of Stable Diffusion 2 in a file that says it is 1.5.
		{"mid_block.attentions.0.proj_in.weight", "shape [32 32 1 1]", "shape [32 32]", safetensors.ErrShape,
			reshape("mid_block.attentions.0.proj_in.weight", 32, 32)},
		{block + "norm3.weight", "shape [16]", "nothing", safetensors.ErrMissing,
			func(d []safetensors.Data) []safetensors.Data {
				find(d, block+"norm3.weight").Name = "time_proj.W"
				return d
			}},
		{block + "attn1.to_q.bias", "no such tensor", "one of shape [16]", errUnexpected,
			func(d []safetensors.Data) []safetensors.Data {
				return append(d, safetensors.Data{Name: block + "attn1.to_q.bias", Shape: []int{16},
					F32: make([]float32, 16)})
			}},
	} {
		_, err := OpenUNetCondition(copyModel(t, "unet_sd15", c.edit))
		var e *WeightError
		require.ErrorAs(t, err, &e)
		require.Equal(t, WeightError{weightFile, c.tensor, c.wanted, c.found, c.cause}, *e)
	}
}

// TestConditionPlantedFaults: a weight off by a little fails the golden comparison,
// wherever it is.
func TestConditionPlantedFaults(t *testing.T) {
	_, g := openCondition(t, "unet_lcm")
	const block = "up_blocks.1.attentions.1.transformer_blocks.0."
	for _, name := range []string{"time_embedding.cond_proj.weight", "conv_norm_out.bias", block + "norm1.weight",
		block + "attn1.to_k.weight", block + "attn2.to_q.weight", block + "attn2.to_v.weight", block + "norm2.bias",
		block + "ff.net.0.proj.bias", block + "ff.net.2.weight", "mid_block.attentions.0.proj_out.weight"} {
		u, err := OpenUNetCondition(copyModel(t, "unet_lcm", func(d []safetensors.Data) []safetensors.Data {
			v := find(d, name).F32
			for i := range v {
				v[i] *= 1.02
			}
			return d
		}))
		require.NoError(t, err)
		require.Greater(t, maxDiff(g.want, runCondition(t, u, g.n, g.size, g.in, 2)), 5e-6, name)
	}
}

// TestOpenNetwork: the class in config.json decides.
func TestOpenNetwork(t *testing.T) {
	n, err := OpenNetwork("testdata/unet_sd15")
	require.NoError(t, err)
	require.IsType(t, (*UNetCondition)(nil), n)
	require.Equal(t, 201924, n.Params()) // as diffusers counts
	n, err = OpenNetwork("testdata/unet2d_ddpm")
	require.NoError(t, err)
	require.IsType(t, (*UNet2D)(nil), n)
	_, err = OpenNetwork("testdata/nothing")
	require.ErrorIs(t, err, os.ErrNotExist)
	var e *ConfigError
	_, err = OpenUNet2D("testdata/unet_sd15")
	require.ErrorAs(t, err, &e)
	_, err = OpenUNetCondition("testdata/unet2d_ddpm")
	require.ErrorAs(t, err, &e)
	for text, key := range map[string]string{
		`{"_class_name": "HunyuanDiT2DModel"}`:                      "_class_name",
		`{"_class_name": "UNet2DConditionModel", "in_channels": 0}`: "in_channels",
		`{"_class_name": "UNet2DModel", "in_channels": 0}`:          "in_channels",
		`[]`: "",
	} {
		n, err := OpenNetworkFS(fstest.MapFS{"config.json": {Data: []byte(text)}}, ".")
		require.True(t, n == nil, "no typed nil")
		require.True(t, errors.As(err, &e), text)
		require.Equal(t, key, e.Key)
	}
}
