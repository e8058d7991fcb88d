package pipeline_test

import (
	"image"
	"image/color"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestBFloat16OnCPU: pictures with matrices in bfloat16 are near those of float32, and the same bits for any number of
// threads; fp16 is refused.
func TestBFloat16OnCPU(t *testing.T) {
	draw := func(precision string, threads int) []image.Image {
		p, err := pipeline.Bundled(pipeline.Options{Precision: precision, Threads: threads})
		require.NoError(t, err)
		defer p.Close()
		var out []image.Image
		for _, img := range generate(t, p, pipeline.Request{Classes: []int{7, 1}, Steps: 10, Sampler: "ddim", Seed: 3}).Images {
			out = append(out, img.Image)
		}
		return out
	}
	want, got := draw("fp32", 2), draw("bf16", 2)
	require.Equal(t, got, draw("bf16", 1))
	require.NotEqual(t, want, got)
	most, mean := difference(want, got)
	t.Logf("bundled model: off by %d of 255 at most, %.3f in the mean", most, mean)
	require.LessOrEqual(t, mean, 1.0)
	_, err := pipeline.Bundled(pipeline.Options{Precision: "fp16"})
	var wrong *pipeline.RequestError
	require.ErrorAs(t, err, &wrong)
	require.Equal(t, "fp32 or bf16 where the network runs on the CPU", wrong.Want)
}

// TestBFloat16Text: the same for a text, its encoders and the autoencoder included.
func TestBFloat16Text(t *testing.T) {
	for _, folder := range []string{"sd15", "sdxl", "sd3", "flux"} {
		draw := func(precision string) []image.Image {
			p, err := pipeline.OpenTextFS(os.DirFS("testdata/"+folder), ".", pipeline.Options{Precision: precision, Threads: 2})
			require.NoError(t, err)
			defer p.Close()
			res, err := p.Generate(t.Context(), pipeline.TextRequest{Prompt: "a photo of a cat", Steps: 4, Seed: 5})
			require.NoError(t, err)
			var out []image.Image
			for _, img := range res.Images {
				out = append(out, img.Image)
			}
			return out
		}
		most, mean := difference(draw("fp32"), draw("bf16"))
		t.Logf("%s: off by %d of 255 at most, %.3f in the mean", folder, most, mean)
		require.NotZero(t, most, folder)
		require.LessOrEqual(t, mean, 3.0, folder)
	}
}

// difference of pictures, in 255ths: the greatest and the mean.
func difference(a, b []image.Image) (most int, mean float64) {
	n := 0
	for i := range a {
		box := a[i].Bounds()
		for y := box.Min.Y; y < box.Max.Y; y++ {
			for x := box.Min.X; x < box.Max.X; x++ {
				p, q := color.RGBAModel.Convert(a[i].At(x, y)).(color.RGBA), color.RGBAModel.Convert(b[i].At(x, y)).(color.RGBA)
				for _, d := range []int{int(p.R) - int(q.R), int(p.G) - int(q.G), int(p.B) - int(q.B)} {
					d = max(d, -d)
					most, mean, n = max(most, d), mean+float64(d), n+1
				}
			}
		}
	}
	return most, mean / float64(n)
}
