package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestSampleControl: a ControlNet follows a picture, whose size the image has; its scale is in the parameters.
func TestSampleControl(t *testing.T) {
	net, err := filepath.Abs("../../pipeline/testdata/control/controlnet")
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir+"/sd15", os.DirFS(textModels+"/sd15")))
	t.Chdir(dir)
	drawText(t, "sd15", "--prompt", "x", "--steps", "2", "-o", "edges.png")
	flags := []string{"--prompt", "a cat", "--steps", "2", "--controlnet", net, "--control-image", "edges.png"}
	drawText(t, "sd15", append(flags, "-o", "full.png")...)
	drawText(t, "sd15", append(flags, "--control-scale", "0.5", "--control-guess", "-o", "weak.png")...)
	full, err := os.ReadFile("full.png")
	require.NoError(t, err)
	f, err := os.Open("weak.png")
	require.NoError(t, err)
	defer f.Close()
	text, err := pipeline.ReadParameters(f)
	require.NoError(t, err)
	par, err := pipeline.ParseTextParameters(text)
	require.NoError(t, err)
	require.Equal(t, 0.5, par.ControlScale)
	require.True(t, par.ControlGuess)
	weak, err := os.ReadFile("weak.png")
	require.NoError(t, err)
	require.NotEqual(t, full, weak)
}

// TestCompileNetwork: the graph that plans are made for is that of a run with the ControlNet, of folders or of config.json.
func TestCompileNetwork(t *testing.T) {
	const unet, control = textModels + "/sd15", textModels + "/control/controlnet"
	p, err := pipeline.OpenText(unet, pipeline.Options{ControlNet: control})
	require.NoError(t, err)
	defer p.Close()
	for _, c := range []compileCmd{{Model: unet, ControlNet: control}, {Model: unet + "/unet/config.json", ControlNet: control + "/config.json"},
		{Model: unet, ControlNet: control + "/config.json"}, {Model: unet + "/unet/config.json", ControlNet: control}} {
		net, err := c.network()
		require.NoError(t, err)
		require.Equal(t, p.Network().Graph(), net.Graph(), "%+v", c)
	}
	for want, c := range map[string]compileCmd{
		"no such file":                 {Model: unet, ControlNet: "none"},
		"--controlnet: open none.json": {Model: unet, ControlNet: "none.json"},
		"cross_attention_dim":          {Model: textModels + "/sdxl", ControlNet: "../../model/testdata/controlnet"},
	} {
		_, err := c.network()
		require.ErrorContains(t, err, want)
	}
}
