package model

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/stretchr/testify/require"
)

const weightFile = "diffusion_pytorch_model.safetensors"

// copyModel writes a test network to a new folder, with its tensors changed by edit.
func copyModel(t testing.TB, name string, edit func([]safetensors.Data) []safetensors.Data) string {
	dir := t.TempDir()
	config, err := os.ReadFile("testdata/" + name + "/config.json")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "config.json"), config, 0o644))
	f, err := safetensors.Open("testdata/" + name + "/" + weightFile)
	require.NoError(t, err)
	defer f.Close()
	var data []safetensors.Data
	for _, x := range f.Tensors() {
		v, err := f.Float32s(x.Name)
		require.NoError(t, err)
		data = append(data, safetensors.Data{Name: x.Name, Shape: x.Shape, F32: v})
	}
	require.NoError(t, safetensors.WriteFile(filepath.Join(dir, weightFile), edit(data), nil))
	return dir
}

func find(data []safetensors.Data, name string) *safetensors.Data {
	for i := range data {
		if data[i].Name == name {
			return &data[i]
		}
	}
	return nil
}

// TestWeightErrors: tensors that do not fit are named, with what was wanted and found.
func TestWeightErrors(t *testing.T) {
	cases := []struct {
		tensor, wanted, found string
		cause                 error
		edit                  func(d []safetensors.Data) []safetensors.Data
	}{
		{"conv_in.weight", "shape [16 3 3 3]", "nothing", safetensors.ErrMissing,
			func(d []safetensors.Data) []safetensors.Data {
				find(d, "conv_in.weight").Name = "time_proj.W" // a name that is tolerated
				return d
			}},
		{"extra.weight", "no such tensor", "one of shape [2]", errUnexpected,
			func(d []safetensors.Data) []safetensors.Data {
				return append(d, safetensors.Data{Name: "extra.weight", Shape: []int{2}, F32: []float32{1, 2}})
			}},
		{"conv_out.bias", "shape [3]", "shape [1 3]", safetensors.ErrShape,
			func(d []safetensors.Data) []safetensors.Data {
				find(d, "conv_out.bias").Shape = []int{1, 3}
				return d
			}},
		{"mid_block.attentions.0.to_q.weight", "shape [32 32]", "shape [32 32 1 1]", safetensors.ErrShape,
			func(d []safetensors.Data) []safetensors.Data {
				find(d, "mid_block.attentions.0.to_q.weight").Shape = []int{32, 32, 1, 1}
				return d
			}},
	}
	for _, c := range cases {
		_, err := OpenUNet2D(copyModel(t, "unet2d_ddpm", c.edit))
		var e *WeightError
		require.ErrorAs(t, err, &e)
		require.Equal(t, WeightError{weightFile, c.tensor, c.wanted, c.found, c.cause}, *e)
		require.ErrorIs(t, err, c.cause)
	}
}

// TestOldAttentionNames: files from before diffusers 0.13 give the same network.
func TestOldAttentionNames(t *testing.T) {
	_, g := openGolden(t, "unet2d_ddpm")
	old := strings.NewReplacer(".to_q.", ".query.", ".to_k.", ".key.", ".to_v.", ".value.",
		".to_out.0.", ".proj_attn.")
	renamed := 0
	u, err := OpenUNet2D(copyModel(t, "unet2d_ddpm", func(d []safetensors.Data) []safetensors.Data {
		for i := range d {
			if n := old.Replace(d[i].Name); n != d[i].Name {
				d[i].Name = n
				renamed++
			}
		}
		return d
	}))
	require.NoError(t, err)
	require.Equal(t, 8*4, renamed)
	require.Less(t, maxDiff(g.want, run(t, u, g.n, g.in, 2)), 1e-5)
}

// TestPlantedFault: one weight off by 1% fails the golden comparison.
func TestPlantedFault(t *testing.T) {
	_, g := openGolden(t, "unet2d_scoresde")
	for _, name := range []string{"up_blocks.1.resnets.0.conv1.weight", "down_blocks.0.skip_conv.bias",
		"mid_block.attentions.0.to_k.weight", "time_proj.weight", "up_blocks.0.skip_norm.weight"} {
		u, err := OpenUNet2D(copyModel(t, "unet2d_scoresde", func(d []safetensors.Data) []safetensors.Data {
			v := find(d, name).F32
			for i := range v {
				v[i] *= 1.01
			}
			return d
		}))
		require.NoError(t, err)
		require.Greater(t, maxDiff(g.want, run(t, u, g.n, g.in, 2)), 1e-5, name)
	}
}

// TestFolders: a pipeline's folder, shards with an index, and what is not a model.
func TestFolders(t *testing.T) {
	read := func(name string) *fstest.MapFile {
		data, err := os.ReadFile("testdata/unet2d_ddpm/" + name)
		require.NoError(t, err)
		return &fstest.MapFile{Data: data}
	}
	config, weights := read("config.json"), read(weightFile)
	f, err := safetensors.Open("testdata/unet2d_ddpm/" + weightFile)
	require.NoError(t, err)
	index := map[string]map[string]string{"weight_map": {}}
	for _, x := range f.Tensors() {
		index["weight_map"][x.Name] = "shard.safetensors"
	}
	require.NoError(t, f.Close())
	indexJSON, err := json.Marshal(index)
	require.NoError(t, err)

	good := []struct {
		dir string
		fs  fstest.MapFS
	}{
		{".", fstest.MapFS{"config.json": config, weightFile: weights}},
		{"m", fstest.MapFS{"m/config.json": config, "m/diffusion_pytorch_model.fp16.safetensors": weights}},
		{"m", fstest.MapFS{"m/model_index.json": config, "m/unet/config.json": config, "m/unet/" + weightFile: weights}},
		{"m", fstest.MapFS{"m/config.json": config, "m/shard.safetensors": weights,
			"m/" + weightFile + ".index.json": {Data: indexJSON}}},
	}
	for _, c := range good {
		u, err := OpenUNet2DFS(c.fs, c.dir)
		require.NoError(t, err)
		require.Equal(t, 177427, u.Params()) // golden.json of the network
	}
	bad := []struct {
		dir   string
		fs    fstest.MapFS
		cause error
	}{
		{"m", fstest.MapFS{"m/" + weightFile: weights}, fs.ErrNotExist},
		{"m", fstest.MapFS{"m/config.json": config}, safetensors.ErrMissing},
		{"../m", fstest.MapFS{"m/config.json": config}, fs.ErrInvalid},
		{"m", fstest.MapFS{"m/config.json": config, "m/" + weightFile: {Data: weights.Data[:500]}},
			safetensors.ErrFormat},
		{"m", fstest.MapFS{"m/config.json/x": config}, nil},
		{"m", fstest.MapFS{"m/config.json": {Data: make([]byte, maxConfigBytes+1)}}, nil},
	}
	for i, c := range bad {
		_, err := OpenUNet2DFS(c.fs, c.dir)
		require.Error(t, err, i)
		if c.cause != nil {
			require.ErrorIs(t, err, c.cause, i)
		}
	}
	_, err = OpenUNet2D("testdata/nothing")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

// TestNoEscape: a link out of the folder is refused.
func TestNoEscape(t *testing.T) {
	dir := copyModel(t, "unet2d_ddpm", func(d []safetensors.Data) []safetensors.Data { return d })
	inside, outside := filepath.Join(dir, weightFile), filepath.Join(t.TempDir(), weightFile)
	require.NoError(t, os.Rename(inside, outside))
	require.NoError(t, os.Symlink(outside, inside))
	_, err := OpenUNet2D(dir)
	require.Error(t, err)
	require.ErrorContains(t, err, "escapes")
}
