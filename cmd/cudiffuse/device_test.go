package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/stretchr/testify/require"
)

// noGPU skips where there is a GPU, the emulated one included.
func noGPU(t *testing.T) {
	if _, err := cuda.Devices(); err == nil {
		t.Skip("this machine has a GPU")
	}
}

// TestNoGPU: what is asked for and is not there is said in one line, with what to do, and has a code of
// its own; nothing is written.
func TestNoGPU(t *testing.T) {
	noGPU(t)
	out := filepath.Join(t.TempDir(), "x.png")
	for _, device := range []string{"cuda", "cuda:0", "cuda:3"} {
		var stdout, stderr bytes.Buffer
		code := run(context.Background(), []string{"sample", "--device", device, "--out", out}, &stdout, &stderr)
		require.Equal(t, exitDevice, code, "%s", stderr.String())
		require.Equal(t, 1, strings.Count(stderr.String(), "\n"))
		require.Contains(t, stderr.String(), "device "+device+": ")
		require.Empty(t, stdout.String())
	}
	require.NoFileExists(t, out)
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitOK, run(context.Background(), []string{"devices"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "cpu  ")
	require.Contains(t, stdout.String(), "no CUDA device: ")
	stdout.Reset()
	require.Equal(t, exitOK, run(context.Background(), []string{"devices", "--json"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), `"device":"cpu"`)
}

// TestSameOnTheGPU: the GPU writes the picture that the CPU writes, byte for byte.
func TestSameOnTheGPU(t *testing.T) {
	if _, err := cuda.Devices(); err != nil {
		if os.Getenv("CUDA_REQUIRED") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	dir := t.TempDir()
	pictures := map[string][]byte{}
	for _, device := range []string{"cpu", "cuda:0"} {
		for _, name := range []string{"dpmpp_2m", "euler_ancestral", "ddim"} {
			out := filepath.Join(dir, name+device[:3]+".png")
			var stdout, stderr bytes.Buffer
			args := []string{"sample", "--device", device, "--sampler", name, "--steps", "3",
				"--class", "1,7", "-n", "1", "--out", out}
			if name == "ddim" { // two launches a stage
				args = append(args, "--guidance", "6", "--guidance-rescale", "0.7", "--dynamic-thresholding-ratio", "0.99",
					"--sample-max-value", "1.5")
			}
			code := run(context.Background(), args, &stdout, &stderr)
			require.Equal(t, exitOK, code, "%s", stderr.String())
			b, err := os.ReadFile(out)
			require.NoError(t, err)
			pictures[name+" "+device] = b
		}
	}
	require.Equal(t, pictures["dpmpp_2m cpu"], pictures["dpmpp_2m cuda:0"])
	require.Equal(t, pictures["euler_ancestral cpu"], pictures["euler_ancestral cuda:0"])
	require.Equal(t, pictures["ddim cpu"], pictures["ddim cuda:0"])
	require.NotEqual(t, pictures["dpmpp_2m cpu"], pictures["euler_ancestral cpu"])
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitOK, run(context.Background(), []string{"devices"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "cuda:0  ")
	require.NotContains(t, stdout.String(), "no CUDA device")
	code := run(context.Background(), []string{"sample", "--device", "cuda:99", "--out", filepath.Join(dir, "y.png")},
		&stdout, &stderr)
	require.Equal(t, exitDevice, code)
	require.Contains(t, stderr.String(), "this machine has cuda:0")
}
