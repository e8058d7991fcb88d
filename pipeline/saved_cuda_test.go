//go:build cuda

package pipeline_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/model/bundled"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestSavedRunAcrossDevices: a run that began on the CPU goes on on the GPU and the other way around. With the network on
// the CPU and the updates on the GPU the files are the same; with the network on the GPU too, latents are within 1e-4.
func TestSavedRunAcrossDevices(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir()) // of plans
	gpu := pipeline.Options{Device: "cuda:0", Network: "cpu", Parts: "cpu"}
	host, err := pipeline.OpenFS(bundled.FS(), bundled.Fashion, pipeline.Options{Threads: 2})
	require.NoError(t, err)
	dev, err := pipeline.OpenFS(bundled.FS(), bundled.Fashion, gpu)
	if err != nil && os.Getenv("CUDA_REQUIRED") == "" && cuda.Unavailable(err) {
		t.Skip("no GPU: ", err)
	}
	require.NoError(t, err)
	r := pipeline.Request{Sampler: "dpmpp_2m_sde", Steps: 4, Classes: []int{3, 8}, Seed: 41, Guidance: 3}
	want := pngs(t, generate(t, host, r))
	for _, way := range [][2]*pipeline.Pipeline{{host, dev}, {dev, host}} {
		again := r
		again.Resume = saveRun(t, way[0], r, 2)
		require.Equal(t, want, pngs(t, generate(t, way[1], again)))
	}
	require.NoError(t, dev.Close())
	require.NoError(t, host.Close())

	cpu := openText(t, "sd15", nil)
	mixed, err := pipeline.OpenText("testdata/sd15", gpu)
	require.NoError(t, err)
	gpu.Network, gpu.Parts = "", ""
	full, err := pipeline.OpenText("testdata/sd15", gpu)
	require.NoError(t, err)
	text := pipeline.TextRequest{Prompt: prompt, Negative: "blurry", N: 2, Seed: 40, Steps: 4, Sampler: "dpmpp_2m_sde"}
	whole, err := cpu.Generate(t.Context(), text)
	require.NoError(t, err)
	whole.Parameters.Model = "sd15" // that of the others, which have it by another name
	for _, way := range [][2]*pipeline.TextToImage{{cpu, mixed}, {mixed, cpu}, {cpu, full}, {full, cpu}} {
		again := text
		again.Resume = saveTextRun(t, way[0], text, 2)
		got, err := way[1].Generate(t.Context(), again)
		require.NoError(t, err)
		if way[0] == full || way[1] == full {
			closeTo(t, whole, got, "with the network on the GPU")
			continue
		}
		got.Parameters.Model = "sd15"
		require.Equal(t, textPNGs(t, whole), textPNGs(t, got))
	}
	require.NoError(t, mixed.Close())
	require.NoError(t, full.Close())
}
