package main

import (
	"bytes"
	"image"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestExactSteps: --exact-steps runs every step of a low strength, with a mask too, and says so in the parameters.
func TestExactSteps(t *testing.T) {
	dir := t.TempDir()
	for _, folder := range []string{"sd15", "flux"} {
		require.NoError(t, os.CopyFS(dir+"/"+folder, os.DirFS(textModels+"/"+folder)))
	}
	t.Chdir(dir)
	img := image.NewGray(image.Rect(0, 0, 16, 16))
	for i := range img.Pix {
		img.Pix[i] = uint8(i)
	}
	require.NoError(t, writePNG("image.png", img, ""))
	args := []string{"--prompt", "x", "--init-image", "image.png", "--strength", "0.3", "--steps", "5", "--sampler", "euler",
		"-o", "out.png"}
	require.EqualValues(t, 2*1, drawText(t, "sd15", args...)["evaluations"], "int(5*0.3) steps")
	for _, more := range [][]string{nil, {"--mask", "image.png"}, {"--schedule-type", "karras"}} {
		out := drawText(t, "sd15", append(append(args, "--exact-steps"), more...)...)
		require.EqualValues(t, 2*5, out["evaluations"])
		par, err := pipeline.ParseTextParameters(out["parameters"].([]any)[0].(string))
		require.NoError(t, err)
		require.True(t, par.ExactSteps)
		require.Equal(t, 0.3, par.Strength)
	}
	flux := []string{"--prompt", "x", "--init-image", "image.png", "--strength", "0.3", "--steps", "5", "-o", "flux.png"}
	require.EqualValues(t, 2, drawText(t, "flux", flux...)["evaluations"], "5 - int(5 - 5*0.3) steps")
	require.EqualValues(t, 5, drawText(t, "flux", append(flux, "--exact-steps")...)["evaluations"])
	require.EqualValues(t, 2*5, drawText(t, "flux", append(flux, "--exact-steps", "--true-cfg-scale", "2", "--negative", "x", "--prompt-syntax", "a1111")...)["evaluations"])
	for want, args := range map[string][]string{
		"--exact-steps: want --init-image with it":     {"--model", "sd15", "--prompt", "x", "--exact-steps"},
		"--exact-steps: want a text-to-image model":    {"--exact-steps"},
		"--true-cfg-scale: want a text-to-image model": {"--true-cfg-scale", "2"},
		"true guidance 2: want none: only FLUX.1":      {"--model", "sd15", "--prompt", "x", "--true-cfg-scale", "2"},
		"exact steps true: want a sampler by name":     {"--model", "sd15", "--prompt", "x", "--init-image", "image.png", "--exact-steps"},
		"strength 1.5: want a number above 0, at most": {"--model", "sd15", "--prompt", "x", "--init-image", "image.png", "--exact-steps", "--strength", "1.5"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), append([]string{"sample"}, args...), &stdout, &stderr), want)
		require.Contains(t, stderr.String(), want)
	}
}
