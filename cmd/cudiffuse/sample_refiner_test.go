package main

import (
	"bytes"
	"image/png"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestSampleRefiner: a base and its refiner draw in one run what they draw in two with a file between them.
func TestSampleRefiner(t *testing.T) {
	dir := t.TempDir()
	for _, folder := range []string{"sdxl", "refiner"} {
		require.NoError(t, os.CopyFS(dir+"/"+folder, os.DirFS(textModels+"/"+folder)))
	}
	t.Chdir(dir)
	flags := []string{"--prompt", "a cat", "--steps", "6", "--n", "2", "--aesthetic-score", "7"}
	base := append(flags[:6:6], "--denoising-end", "0.5", "--latents-out", "l.safetensors", "-o", "base.png")
	require.EqualValues(t, 2*2*2, drawText(t, "sdxl", base...)["evaluations"])
	out := drawText(t, "refiner", append(flags, "--denoising-start", "0.5", "--latents-in", "l.safetensors", "-o", "two.png")...)
	require.EqualValues(t, 2*2*4, out["evaluations"])
	// The base has no score: the refiner has the usual ones in one run.
	drawText(t, "refiner", append(flags[:6:6], "--denoising-start", "0.5", "--latents-in", "l.safetensors", "-o", "usual.png")...)
	out = drawText(t, "sdxl", append(flags[:6:6], "--refiner", "refiner", "--refiner-switch", "0.5", "-o", "one.png")...)
	require.EqualValues(t, 2*2*6, out["evaluations"])
	par, err := pipeline.ParseTextParameters(out["parameters"].([]any)[0].(string))
	require.NoError(t, err)
	require.EqualValues(t, 0.5, par.RefinerSwitch)
	picture := func(name string) any {
		f, err := os.Open(name)
		require.NoError(t, err)
		defer f.Close()
		img, err := png.Decode(f)
		require.NoError(t, err)
		return img
	}
	require.Equal(t, picture("usual.png"), picture("one.png"))
	require.NotEqual(t, picture("usual.png"), picture("two.png"))
	require.NotEqual(t, picture("usual.png"), picture("base.png"))

	require.NoError(t, safetensors.WriteFile("flat.safetensors", []safetensors.Data{{Name: "latents", F32: make([]float32, 4), Shape: []int{4}}}, nil))
	require.NoError(t, safetensors.WriteFile("bare.safetensors", []safetensors.Data{{Name: "latents", F32: make([]float32, 4*64), Shape: []int{1, 4, 8, 8}}}, nil))
	refiner := func(args ...string) []string { return append([]string{"--model", "refiner", "--prompt", "x"}, args...) }
	for want, args := range map[string][]string{
		"--refiner-switch: want --refiner with it":      refiner("--refiner-switch", "0.5"),
		"--denoising-end and --latents-out: want both":  refiner("--denoising-end", "0.5"),
		"--denoising-start and --latents-in: want both": refiner("--latents-in", "l.safetensors"),
		"--latents-out: want one prompt":                refiner("--prompt", "y", "--denoising-end", "0.5", "--latents-out", "x"),
		"--latents-out none/x: its folder":              refiner("--denoising-end", "0.5", "--latents-out", "none/x"),
		"none.safetensors: cannot be opened":            refiner("--denoising-start", "0.5", "--latents-in", "none.safetensors"),
		`want a tensor "latents" of images, channels`:   refiner("--denoising-start", "0.5", "--latents-in", "flat.safetensors"),
		"in the metadata: want a number":                refiner("--denoising-start", "0.5", "--latents-in", "bare.safetensors"),
		"latents 2: want those of 1 images":             refiner("--denoising-start", "0.5", "--latents-in", "l.safetensors", "--n", "1"),
		"aesthetic score 7: want none":                  {"--model", "sdxl", "--prompt", "x", "--aesthetic-score", "7"},
		"--refiner: want a text-to-image model":         {"--refiner", "refiner"},
		"model none: ":                                  {"--model", "sdxl", "--prompt", "x", "--refiner", "none"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), append([]string{"sample"}, args...), &stdout, &stderr), want)
		require.Contains(t, stderr.String(), want)
	}
}
