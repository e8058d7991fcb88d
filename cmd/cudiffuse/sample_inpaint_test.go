package main

import (
	"bytes"
	"image"
	"image/color"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestInpaint draws under a mask with each kind of network, and refuses what does not go together.
func TestInpaint(t *testing.T) {
	dir := t.TempDir()
	for _, folder := range []string{"sd15", "inpaint", "sd3"} {
		require.NoError(t, os.CopyFS(dir+"/"+folder, os.DirFS(textModels+"/"+folder)))
	}
	t.Chdir(dir)
	for name, size := range map[string]image.Point{"image.png": image.Pt(16, 16), "wide.png": image.Pt(16, 8)} {
		img := image.NewGray(image.Rectangle{Max: size})
		for i := range img.Pix {
			img.Pix[i] = uint8(i)
		}
		require.NoError(t, writePNG(name, img, ""))
	}
	mask := image.NewGray(image.Rect(0, 0, 16, 16))
	for i := range 64 {
		mask.SetGray(4+i%8, 4+i/8, color.Gray{Y: 255})
	}
	require.NoError(t, writePNG("mask.png", mask, ""))
	for _, folder := range []string{"sd15", "inpaint", "sd3"} {
		out := drawText(t, folder, "--prompt", "x", "--init-image", "image.png", "--mask", "mask.png", "--mask-blur", "1.5",
			"--steps", "2", "-o", folder+".png")
		require.EqualValues(t, 4, out["evaluations"], "both steps: with a mask the strength is 1")
		par, err := pipeline.ParseTextParameters(out["parameters"].([]any)[0].(string))
		require.NoError(t, err)
		require.EqualValues(t, 1, par.Strength)
		require.EqualValues(t, 1.5, par.MaskBlur)
		require.Equal(t, image.Pt(16, 16), pixels(t, folder+".png"))
	}
	text := func(args ...string) []string { return append([]string{"--model", "sd15", "--prompt", "x"}, args...) }
	for want, args := range map[string][]string{
		"--mask: want --init-image with it":                       text("--mask", "mask.png"),
		"--mask-blur: want --mask with it":                        text("--init-image", "image.png", "--mask-blur", "2"),
		"--mask: open none.png":                                   text("--init-image", "image.png", "--mask", "none.png"),
		"mask of 16x8: want the size of the image, 16x16":         text("--init-image", "image.png", "--mask", "wide.png"),
		"mask blur -1: want 0 to 1024 pixels":                     text("--init-image", "image.png", "--mask", "mask.png", "--mask-blur=-1"),
		"mask none: want an image and a mask: the network was":    {"--model", "inpaint", "--prompt", "x"},
		"--mask: want a text-to-image model":                      {"--mask", "mask.png"},
		"--init-image inpaint/model_index.json: image: unknown f": text("--init-image", "inpaint/model_index.json"),
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), append([]string{"sample"}, args...), &stdout, &stderr), want)
		require.Contains(t, stderr.String(), want)
	}
}
