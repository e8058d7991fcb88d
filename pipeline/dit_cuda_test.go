//go:build cuda

package pipeline_test

import (
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestDiTOnGPU samples a DiTPipeline's folder with the transformer on the GPU: the latents and pixels of the CPU.
func TestDiTOnGPU(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // of plans
	dev, err := pipeline.Open("testdata/dit", pipeline.Options{Device: "cuda:0"})
	if err != nil && os.Getenv("CUDA_REQUIRED") == "" && cuda.Unavailable(err) {
		t.Skip("no GPU: ", err)
	}
	require.NoError(t, err)
	defer func() { require.NoError(t, dev.Close()) }()
	cpu := openDiT(t, nil)
	r := pipeline.Request{Classes: []int{207, 3}, Guidance: 4, Steps: 4, Seed: 7, Sampler: "ddim"}
	want, err := cpu.Generate(t.Context(), r)
	require.NoError(t, err)
	got, err := dev.Generate(t.Context(), r)
	require.NoError(t, err)
	require.Len(t, got.Images, len(want.Images))
	for i := range want.Images {
		for _, x := range [][2][]float32{{want.Images[i].Latent, got.Images[i].Latent}, {want.Images[i].Sample, got.Images[i].Sample}} {
			require.Len(t, x[1], len(x[0]))
			off, top := 0.0, 1.0
			for k, v := range x[0] {
				off, top = max(off, math.Abs(float64(v-x[1][k]))), max(top, math.Abs(float64(v)))
			}
			t.Logf("image %d: %.2g of %.3g", i, off, top)
			assert.LessOrEqual(t, off/top, 1e-4, "image %d", i)
		}
	}
}
