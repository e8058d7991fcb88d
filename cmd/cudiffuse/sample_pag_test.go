package main

import (
	"bytes"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestSamplePAG: the flags of perturbed-attention guidance are in the parameters of the picture, and change it.
func TestSamplePAG(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir+"/sd15", os.DirFS(textModels+"/sd15")))
	t.Chdir(dir)
	flags := []string{"--prompt", "a cat", "--steps", "2"}
	drawText(t, "sd15", append(flags, "-o", "plain.png")...)
	drawText(t, "sd15", append(flags, "--pag-scale", "40", "--pag-layers", "mid,down.block_0", "--pag-skip", "up", "-o", "pag.png")...)
	plain, err := os.ReadFile("plain.png")
	require.NoError(t, err)
	pag, err := os.ReadFile("pag.png")
	require.NoError(t, err)
	require.NotEqual(t, plain, pag)
	f, err := os.Open("pag.png")
	require.NoError(t, err)
	defer f.Close()
	text, err := pipeline.ReadParameters(f)
	require.NoError(t, err)
	par, err := pipeline.ParseTextParameters(text)
	require.NoError(t, err)
	require.Equal(t, 40.0, par.PAGScale)
	require.Equal(t, []string{"mid", "down.block_0"}, par.PAGLayers)
	require.Equal(t, []string{"up"}, par.PAGSkip)
	for want, args := range map[string][]string{
		"--pag-layers: want a text-to-image model": {"--pag-layers", "mid"},
		"pag scale 0: want a positive number":      {"--model", "sd15", "--prompt", "x", "--pag-layers", "mid"},
		"is none of the network":                   {"--model", "sd15", "--prompt", "x", "--pag-scale", "3", "--pag-skip", "middle"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), append([]string{"sample"}, args...), &stdout, &stderr), want)
		require.Contains(t, stderr.String(), want)
	}
}
