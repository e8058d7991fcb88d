//go:build cuda

package pipeline_test

import (
	"context"
	"fmt"
	"image"
	"math"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestTextOnGPU draws with the denoiser on the GPU what the CPU draws.
func TestTextOnGPU(t *testing.T) {
	for _, name := range []string{"sd15", "sd21", "sdxl", "lcm"} {
		requireAsCPU(t, name, pipeline.Options{}, func(in pipeline.TextInfo) []pipeline.TextRequest {
			rs := []pipeline.TextRequest{
				{Prompt: "a photo of a cat", Negative: "blurry", N: 2, Seed: 3, Steps: 4, Sampler: "dpmpp_2m"},
				{Prompt: strings.Repeat("a ", 100) + "(cat:1.3)", Steps: 2, Sampler: "euler", Syntax: pipeline.SyntaxA1111},
				{Prompt: "a cat", Steps: 2, Seed: 1, Sampler: "euler", Height: 2 * in.Height, Width: in.Width},
			}
			if in.Embedded {
				rs[0].Negative = "" // which such networks do not know
			}
			return rs
		})
	}
}

// TestInpaintOnGPU: a network for in-painting takes mask and image there as on the CPU, from noise and from the image.
func TestInpaintOnGPU(t *testing.T) {
	requireAsCPU(t, "inpaint", pipeline.Options{}, func(pipeline.TextInfo) []pipeline.TextRequest {
		r := pipeline.TextRequest{Prompt: "a photo of a cat", Steps: 4, Seed: 6, N: 2, Image: ramp(24, 16), Sampler: "euler_ancestral",
			Mask: window(24, 16, image.Rect(4, 6, 12, 16))}
		part := r
		part.Strength, part.Sampler, part.Guidance = 0.5, "dpmpp_2m", 1
		return []pipeline.TextRequest{r, part}
	})
}

// TestControlOnGPU: a ControlNet runs with the denoiser there, at other scales, in guess mode and without an image.
func TestControlOnGPU(t *testing.T) {
	o := pipeline.Options{ControlNet: "testdata/control/controlnet"}
	requireAsCPU(t, "sd15", o, func(pipeline.TextInfo) []pipeline.TextRequest {
		r := pipeline.TextRequest{Prompt: "a photo of a cat", Steps: 4, Seed: 6, N: 2, Sampler: "dpmpp_2m", Control: ramp(24, 16)}
		guess := r
		guess.ControlScale, guess.ControlGuess = 0.8, true
		none := r
		none.Control, none.Height, none.Width = nil, 16, 24
		return []pipeline.TextRequest{r, guess, none}
	})
}

// TestPAGOnGPU: perturbed rows are evaluated beside the others there, with a layer's attention the identity or its blocks
// left out, with guidance and without.
func TestPAGOnGPU(t *testing.T) {
	requireAsCPU(t, "sd15", pipeline.Options{}, func(pipeline.TextInfo) []pipeline.TextRequest {
		r := pipeline.TextRequest{Prompt: "a photo of a cat", Steps: 4, Seed: 6, N: 2, Sampler: "dpmpp_2m", PAGScale: 3}
		other := r
		other.PAGLayers, other.PAGSkip, other.Guidance = []string{"mid", "up_blocks.1.attentions.1"}, []string{"down.block_0"}, 1
		return []pipeline.TextRequest{r, other}
	})
}

// TestJointOnGPU: transformers of the tokens of image and text, and of those of the image that attend to texts of
// different lengths.
func TestJointOnGPU(t *testing.T) {
	for _, name := range []string{"sd3", "flux", "pixart_alpha", "pixart_sigma"} {
		requireAsCPU(t, name, pipeline.Options{}, func(in pipeline.TextInfo) []pipeline.TextRequest {
			rs := []pipeline.TextRequest{{Prompt: "a photo of a cat", Negative: "blurry", N: 2, Seed: 3, Steps: 3, Height: 16, Width: 24}}
			if in.Embedded {
				rs[0].Negative, rs[0].Guidance = "", 5 // an input of the network
				rs = append(rs, pipeline.TextRequest{Prompt: "a (cat:1.3)", Negative: "a [dog]", TrueGuidance: 2, Syntax: pipeline.SyntaxA1111,
					Seed: 3, Steps: 2, Height: 16, Width: 24})
			}
			if name == "sd3" { // of two chunks of CLIP
				rs = append(rs, pipeline.TextRequest{Prompt: strings.Repeat("a ", 100) + "(cat:1.3)", Negative: "a [dog]",
					Syntax: pipeline.SyntaxA1111, Seed: 3, Steps: 2, Height: 16, Width: 24})
			}
			return rs
		})
	}
}

// TestRefinerOnGPU: a model and the refiner that goes on, both there.
func TestRefinerOnGPU(t *testing.T) {
	requireAsCPU(t, "sdxl", pipeline.Options{Refiner: "testdata/refiner"}, func(pipeline.TextInfo) []pipeline.TextRequest {
		return []pipeline.TextRequest{{Prompt: "a photo of a cat", Negative: "blurry", N: 2, Seed: 3, Steps: 4, RefinerSwitch: 0.6}}
	})
}

// requireAsCPU draws requests with the denoiser on the GPU and on the CPU, and what is beside it, and compares latents and pixels.
func requireAsCPU(t *testing.T, name string, o pipeline.Options, requests func(pipeline.TextInfo) []pipeline.TextRequest) {
	t.Helper()
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // of plans
	dir := "testdata/" + name
	cpu, err := pipeline.OpenText(dir, o)
	require.NoError(t, err)
	o.Device = "cuda:0"
	dev, err := pipeline.OpenText(dir, o)
	if err != nil && os.Getenv("CUDA_REQUIRED") == "" && cuda.Unavailable(err) {
		t.Skip("no GPU: ", err)
	}
	require.NoError(t, err)
	for k, r := range requests(cpu.Info()) {
		want, err := cpu.Generate(context.Background(), r)
		require.NoError(t, err, name)
		got, err := dev.Generate(context.Background(), r)
		require.NoError(t, err, name)
		closeTo(t, want, got, fmt.Sprintf("%s, request %d: %s", name, k, r.Prompt))
	}
	for _, part := range dev.Parts() {
		assert.True(t, part.Device, "%s: %s: %v", name, part.Name, part.Err)
	}
	require.NoError(t, cpu.Close())
	require.NoError(t, dev.Close())
}

// closeTo holds images to those of the CPU: latents and pixels within 1e-4 of the largest.
func closeTo(t *testing.T, want, got pipeline.TextResult, what string) {
	t.Helper()
	require.Len(t, got.Images, len(want.Images))
	for i := range want.Images {
		for _, x := range [][2][]float32{{want.Images[i].Latent, got.Images[i].Latent}, {want.Images[i].Sample, got.Images[i].Sample}} {
			require.Len(t, x[1], len(x[0]))
			most, scale := 0.0, 1.0
			for k, a := range x[0] {
				most = max(most, math.Abs(float64(a)-float64(x[1][k])))
				scale = max(scale, math.Abs(float64(a)))
			}
			assert.LessOrEqual(t, most/scale, 1e-4, "%s, image %d", what, i)
		}
	}
}

// TestPartsOnGPU: with the denoiser on the CPU, so that only the parts differ: texts of skipped blocks, images to start
// from, tiles, and previews.
func TestPartsOnGPU(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	for _, name := range []string{"sd15", "sdxl", "sd3"} {
		for _, tiling := range []bool{false, true} {
			o := pipeline.Options{Tiling: tiling}
			cpu, err := pipeline.OpenText("testdata/"+name, o)
			require.NoError(t, err)
			o.Device, o.Network, o.Parts = "cuda:0", "cpu", "device"
			dev, err := pipeline.OpenText("testdata/"+name, o)
			if err != nil && os.Getenv("CUDA_REQUIRED") == "" && cuda.Unavailable(err) {
				t.Skip("no GPU: ", err)
			}
			require.NoError(t, err, name)
			height, width := 2*cpu.Info().Height, cpu.Info().Width
			picture := image.NewRGBA(image.Rect(0, 0, width, height))
			for i := range picture.Pix {
				picture.Pix[i] = byte(i * i / 7)
			}
			requests := []pipeline.TextRequest{
				{Prompt: "a photo of a cat", Negative: "blurry", ClipSkip: 1, Seed: 3, Steps: 2, Height: height, Width: width},
				{Prompt: "a cat", Image: picture, Seed: 3, Steps: 3, Strength: 0.7},
			}
			if name == "sd3" {
				requests = requests[:1] // which starts from no image
			}
			for _, r := range requests {
				want, err := cpu.Generate(context.Background(), r)
				require.NoError(t, err, name)
				got, err := dev.Generate(context.Background(), r)
				require.NoError(t, err, name)
				closeTo(t, want, got, name+": "+r.Prompt)
			}
			for _, part := range dev.Parts() {
				assert.True(t, part.Device, "%s: %s: %v", name, part.Name, part.Err)
			}
			require.NoError(t, cpu.Close())
			require.NoError(t, dev.Close())
		}
	}
}
