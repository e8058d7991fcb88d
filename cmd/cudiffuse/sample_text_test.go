package main

import (
	"bytes"
	"encoding/json"
	"image"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// textModels are tiny text-to-image pipelines with random weights.
const textModels = "../../pipeline/testdata"

// drawText runs sample with a tiny pipeline, in a folder of its own, and returns what it prints.
func drawText(t *testing.T, folder string, args ...string) map[string]any {
	t.Helper()
	var stdout, stderr bytes.Buffer
	args = append([]string{"sample", "--json", "--model", folder}, args...)
	require.Equal(t, exitOK, run(t.Context(), args, &stdout, &stderr), stderr.String())
	var out map[string]any
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &out))
	return out
}

func pixels(t *testing.T, file string) image.Point {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close()
	c, _, err := image.DecodeConfig(f)
	require.NoError(t, err)
	return image.Pt(c.Width, c.Height)
}

// TestTextToImage draws prompts, as a sheet and one by one, and from an image.
func TestTextToImage(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir+"/sd15", os.DirFS(textModels+"/sd15")))
	t.Chdir(dir)
	require.NoError(t, os.WriteFile("prompts.txt", []byte("a dog\n\n  a cat, detailed \n"), 0o600))
	out := drawText(t, "sd15", "--prompt", "a bird, red", "--prompt-file", "prompts.txt", "-n", "2", "--steps", "2", "-o", "sheet.png",
		"--sampler", "euler", "--columns", "2")
	require.EqualValues(t, 6, out["images"])
	require.EqualValues(t, 24, out["evaluations"])
	one := drawText(t, "sd15", "--prompt", "a cat, detailed", "--negative-prompt", "blurry", "--steps", "2", "--seed", "9", "-o", "one.png")
	require.Equal(t, []any{"one.png"}, one["files"])
	w := pixels(t, "one.png")
	require.Equal(t, image.Pt(2*w.X, 3*w.Y), pixels(t, "sheet.png"))

	f, err := os.Open("one.png")
	require.NoError(t, err)
	defer f.Close()
	text, err := pipeline.ReadParameters(f)
	require.NoError(t, err)
	par, err := pipeline.ParseTextParameters(text)
	require.NoError(t, err)
	require.Equal(t, "a cat, detailed", par.Prompt)
	require.Equal(t, "blurry", par.Negative)
	require.EqualValues(t, 9, par.Seed)

	each := drawText(t, "sd15", "--prompt", "x", "-n", "2", "--each", "--steps", "2", "-o", "each.png")
	require.Equal(t, []any{"each-0001.png", "each-0002.png"}, each["files"])
	from := drawText(t, "sd15", "--prompt", "x", "--init-image", "one.png", "--strength", "0.5", "--steps", "4", "--sampler", "ddim",
		"-o", "from.png")
	require.EqualValues(t, 4, from["evaluations"], "two of four steps, with guidance")
}
