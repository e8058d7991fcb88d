//go:build cuda

package pipeline_test

import (
	"context"
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

// wideHeads is a folder of testdata with a random U-Net whose heads cuDNN's attention takes in 16 bits, of multiples of 8
// channels.
func wideHeads(t *testing.T, name string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(dir, os.DirFS("testdata/"+name)))
	file := filepath.Join(dir, "unet", "config.json")
	b, err := os.ReadFile(file)
	require.NoError(t, err)
	var config map[string]any
	require.NoError(t, json.Unmarshal(b, &config))
	config["block_out_channels"], config["attention_head_dim"] = []int{16, 32}, 2 // which is the number of heads
	b, err = json.Marshal(config)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, b, 0o600))
	net, err := model.ParseNetwork(file, b)
	require.NoError(t, err)
	r := rand.New(rand.NewPCG(8, 8))
	var tensors []safetensors.Data
	for _, p := range net.Graph().Params {
		x := make([]float32, p.Len())
		scale, mean := 1/math.Sqrt(float64(p.Len()/p.Shape[0])), 0.0
		if len(p.Shape) == 1 { // of norms, or a bias
			scale = 0.1
			if strings.HasSuffix(p.Name, ".weight") {
				mean = 1
			}
		}
		for i := range x {
			x[i] = float32(mean + scale*r.NormFloat64())
		}
		tensors = append(tensors, safetensors.Data{Name: p.Name, Shape: p.Shape, F32: x})
	}
	require.NoError(t, safetensors.WriteFile(filepath.Join(dir, "unet", "diffusion_pytorch_model.safetensors"), tensors, nil))
	return dir
}

// TestHalfOnGPU draws whole images with all networks in 16 bits on the GPU, the autoencoder of Stable Diffusion XL in 32
// beside fp16, and holds them to those of the CPU in 32: the latents, and the sample that becomes the image. Nearer than
// rounding allows is 32 bits.
func TestHalfOnGPU(t *testing.T) {
	for _, name := range []string{"sd15", "sdxl"} {
		dir := wideHeads(t, name)
		cpu, err := pipeline.OpenText(dir, pipeline.Options{})
		require.NoError(t, err)
		r := pipeline.TextRequest{Prompt: "a photo of a cat", Negative: "blurry", Seed: 3, Steps: 3}
		want, err := cpu.Generate(context.Background(), r)
		require.NoError(t, err)
		require.NoError(t, cpu.Close())
		for _, c := range []struct {
			precision         string
			most, mean, least float64 // differences, of the scale; measured 4.4e-3 and 7.5e-4, 3.3e-2 and 5.6e-3
		}{{"fp16", 2e-2, 2e-3, 1e-4}, {"bf16", 0.1, 2e-2, 1e-3}} {
			t.Setenv("XDG_CACHE_HOME", t.TempDir()) // of plans
			dev, err := pipeline.OpenText(dir, pipeline.Options{Device: "cuda:0", Precision: c.precision})
			if err != nil && os.Getenv("CUDA_REQUIRED") == "" && cuda.Unavailable(err) {
				t.Skip("no GPU: ", err)
			}
			require.NoError(t, err)
			got, err := dev.Generate(context.Background(), r)
			require.NoError(t, err)
			for _, x := range []struct {
				what      string
				want, got []float32
			}{{"latents", want.Images[0].Latent, got.Images[0].Latent}, {"image", want.Images[0].Sample, got.Images[0].Sample}} {
				require.Len(t, x.got, len(x.want))
				var most, mean, scale float64
				for i, v := range x.want {
					d := math.Abs(float64(v) - float64(x.got[i]))
					most, mean, scale = max(most, d), mean+d/float64(len(x.want)), max(scale, math.Abs(float64(v)))
				}
				t.Logf("%s in %s: %s differ by up to %.1e of their scale, by %.1e on average", name, c.precision, x.what, most/scale, mean/scale)
				assert.Less(t, most/scale, c.most, "%s in %s: %s", name, c.precision, x.what)
				assert.Less(t, mean/scale, c.mean, "%s in %s: %s on average", name, c.precision, x.what)
				assert.Greater(t, mean/scale, c.least, "%s in %s: %s in 32 bits", name, c.precision, x.what)
			}
			for _, part := range dev.Parts() {
				assert.True(t, part.Device, "%s: %s: %v", name, part.Name, part.Err)
			}
			require.NoError(t, dev.Close())
		}
	}
}
