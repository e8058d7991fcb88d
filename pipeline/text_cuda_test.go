//go:build cuda

package pipeline_test

import (
	"context"
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
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // of plans
	for _, name := range []string{"sd15", "sd21", "sdxl", "lcm"} {
		dir := "testdata/" + name
		cpu, err := pipeline.OpenText(dir, pipeline.Options{})
		require.NoError(t, err)
		dev, err := pipeline.OpenText(dir, pipeline.Options{Device: "cuda:0"})
		if err != nil && os.Getenv("CUDA_REQUIRED") == "" && cuda.Unavailable(err) {
			t.Skip("no GPU: ", err)
		}
		require.NoError(t, err)
		for _, r := range []pipeline.TextRequest{
			{Prompt: "a photo of a cat", Negative: "blurry", N: 2, Seed: 3, Steps: 4, Sampler: "dpmpp_2m"},
			{Prompt: strings.Repeat("a ", 100) + "(cat:1.3)", Steps: 2, Sampler: "euler", Syntax: pipeline.SyntaxA1111},
			{Prompt: "a cat", Steps: 2, Seed: 1, Sampler: "euler", Height: 2 * cpu.Info().Height, Width: cpu.Info().Width},
		} {
			if cpu.Info().Embedded {
				r.Negative = "" // which such networks do not know
			}
			want, err := cpu.Generate(context.Background(), r)
			require.NoError(t, err, name)
			got, err := dev.Generate(context.Background(), r)
			require.NoError(t, err, name)
			for i := range want.Images {
				a, b := want.Images[i].Latent, got.Images[i].Latent
				require.Len(t, b, len(a))
				most, scale := 0.0, 1.0
				for k := range a {
					most = max(most, math.Abs(float64(a[k])-float64(b[k])))
					scale = max(scale, math.Abs(float64(a[k])))
				}
				assert.LessOrEqual(t, most/scale, 1e-4, "%s, image %d of %q", name, i, r.Prompt)
			}
		}
		require.NoError(t, cpu.Close())
		require.NoError(t, dev.Close())
	}
}
