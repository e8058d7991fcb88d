package pipeline_test

import (
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/model/singlefile"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestSingleFile draws with a folder and with the file that was made of it: the same bits.
func TestSingleFile(t *testing.T) {
	for _, name := range []string{"sd15", "sd21", "sdxl"} {
		dir := os.DirFS("testdata/" + name)
		configs := singlefile.Configs{}
		require.NoError(t, fs.WalkDir(dir, ".", func(file string, d fs.DirEntry, err error) error {
			if err == nil && strings.HasSuffix(file, ".json") && !strings.HasSuffix(file, "vocab.json") {
				configs[file], err = fs.ReadFile(dir, file)
			}
			return err
		}))
		require.True(t, json.Valid(configs["unet/config.json"]))
		f, err := safetensors.Open("../model/singlefile/testdata/" + name + ".safetensors")
		require.NoError(t, err)
		d, err := singlefile.New(f, configs, dir)
		require.NoError(t, err)
		one, err := pipeline.OpenTextFS(d, ".", pipeline.Options{Threads: 1})
		require.NoError(t, err)
		require.NoError(t, d.Close()) // all of it is in memory
		folder, err := pipeline.OpenText("testdata/"+name, pipeline.Options{Threads: 1})
		require.NoError(t, err)
		r := pipeline.TextRequest{Prompt: "a photo of a cat", Negative: "blurry", Steps: 3, Seed: 5, Height: 16, Width: 16}
		got, err := one.Generate(context.Background(), r)
		require.NoError(t, err)
		want, err := folder.Generate(context.Background(), r)
		require.NoError(t, err)
		require.Equal(t, want.Images[0].Image, got.Images[0].Image, name)
		one.Close()
		folder.Close()
	}
}

// TestOpenSingleFile refuses files, and says what is wrong.
func TestOpenSingleFile(t *testing.T) {
	const tiny = "../model/singlefile/testdata/sd15.safetensors"
	pickle := filepath.Join(t.TempDir(), "model.ckpt")
	require.NoError(t, os.WriteFile(pickle, []byte("PK\x03\x04 and so on"), 0o600))
	require.True(t, pipeline.IsText(tiny))
	for _, c := range []struct {
		file    string
		options pipeline.Options
		cause   error
		text    string
	}{
		{pickle, pipeline.Options{}, singlefile.ErrPickle, ".safetensors"},
		{tiny, pipeline.Options{}, singlefile.ErrLayout, "Stable Diffusion 1.x, 2.x or XL"},
		{tiny, pipeline.Options{Variant: "v9"}, singlefile.ErrVariant, "v1, v2, v2-base, xl"},
		{tiny, pipeline.Options{Tokenizer: "testdata/none"}, fs.ErrNotExist, "tokenizer"},
		{tiny, pipeline.Options{Tokenizer: tiny}, nil, "tokenizer: want a folder"},
		{tiny, pipeline.Options{Device: "gpu"}, nil, "device"},
	} {
		_, err := pipeline.OpenText(c.file, c.options)
		require.ErrorContains(t, err, c.text)
		if c.cause != nil {
			require.ErrorIs(t, err, c.cause)
		}
	}
}
