package singlefile_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/singlefile"
)

// TestOpen opens files of the published sizes, with holes in place of data.
func TestOpen(t *testing.T) {
	tokens := fstest.MapFS{"vocab.json": &fstest.MapFile{Data: []byte("{}")}}
	const in = "model.diffusion_model.input_blocks.0.0.weight"
	for name, c := range map[string]struct {
		file    singlefile.Variant
		options singlefile.Options
		more    map[string][]int
		class   string
		in      int
		predict string
		zeroSNR bool
	}{
		"v1":      {file: singlefile.V1, class: "StableDiffusionPipeline", in: 4},
		"inpaint": {file: singlefile.V1, more: map[string][]int{in: {320, 9, 3, 3}}, class: "StableDiffusionInpaintPipeline", in: 9},
		"v2":      {file: singlefile.V2, class: "StableDiffusionPipeline", in: 4, predict: "v_prediction"},
		"v2-base": {file: singlefile.V2, options: singlefile.Options{Variant: singlefile.V2Base}, class: "StableDiffusionPipeline",
			in: 4, predict: "epsilon"},
		"xl": {file: singlefile.XL, class: "StableDiffusionXLPipeline", in: 4, predict: "epsilon"},
		"xl v": {file: singlefile.XL, more: map[string][]int{"v_pred": {0}, "ztsnr": {0}}, class: "StableDiffusionXLPipeline", in: 4,
			predict: "v_prediction", zeroSNR: true},
		"xl inpaint": {file: singlefile.XL, more: map[string][]int{in: {320, 9, 3, 3}}, class: "StableDiffusionXLInpaintPipeline", in: 9,
			predict: "epsilon"},
	} {
		shapes := publishedShapes(t, c.file)
		for name, shape := range c.more {
			shapes[name] = shape
		}
		file := holes(t, shapes)
		c.options.Tokenizer = tokens
		d, err := singlefile.Open(file, c.options)
		require.NoError(t, err, name)
		var index struct {
			Class string `json:"_class_name"`
		}
		var unet struct {
			In int `json:"in_channels"`
		}
		var scheduler struct {
			Predict string `json:"prediction_type"`
			ZeroSNR bool   `json:"rescale_betas_zero_snr"`
		}
		for file, to := range map[string]any{"model_index.json": &index, "unet/config.json": &unet,
			"scheduler/scheduler_config.json": &scheduler} {
			b, err := fs.ReadFile(d, file)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(b, to))
		}
		require.Equal(t, c.class, index.Class, name)
		require.Equal(t, c.in, unet.In, name)
		require.Equal(t, c.predict, scheduler.Predict, name)
		require.Equal(t, c.zeroSNR, scheduler.ZeroSNR, name)
		require.NoError(t, d.Close())

		c.options.Tokenizer = nil
		_, err = singlefile.Open(file, c.options)
		requireError(t, err, singlefile.ErrTokenizer, "vocab.json and merges.txt")
	}
}

// holes is a file of the shapes that takes little room on disk.
func holes(t *testing.T, shapes map[string][]int) string {
	head, size := emptyHeader(t, shapes, nil)
	file := filepath.Join(t.TempDir(), "model.safetensors")
	require.NoError(t, os.WriteFile(file, head, 0o600))
	require.NoError(t, os.Truncate(file, size))
	return file
}
