package main

import (
	"bytes"
	"context"
	"image"
	"image/color"
	"image/png"
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

// TestSameOnTheGPU: with the network on the CPU the GPU writes the picture that the CPU writes, byte for
// byte; with the network on the GPU, the same to a grey level.
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
			args := []string{"sample", "--device", device, "--network", "cpu", "--sampler", name, "--steps", "3",
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
	require.LessOrEqual(t, greyDiff(t, sampleOn(t, "cpu"), sampleOn(t, "cuda:0")), 1)
	var stdout, stderr bytes.Buffer
	require.Equal(t, exitOK, run(context.Background(), []string{"devices"}, &stdout, &stderr))
	require.Contains(t, stdout.String(), "cuda:0  ")
	require.NotContains(t, stdout.String(), "no CUDA device")
	code := run(context.Background(), []string{"sample", "--device", "cuda:99", "--out", filepath.Join(dir, "y.png")},
		&stdout, &stderr)
	require.Equal(t, exitDevice, code)
	require.Contains(t, stderr.String(), "this machine has cuda:0")
}

// sampleOn draws on a device, the network included.
func sampleOn(t *testing.T, device string) image.Image {
	t.Helper()
	out := filepath.Join(t.TempDir(), "x.png")
	var stdout, stderr bytes.Buffer
	code := run(context.Background(), []string{"sample", "--device", device, "--steps", "12", "--class", "1,7", "-n", "1",
		"--zoom", "1", "--out", out}, &stdout, &stderr)
	require.Equal(t, exitOK, code, "%s", stderr.String())
	f, err := os.Open(out)
	require.NoError(t, err)
	defer f.Close()
	img, err := png.Decode(f)
	require.NoError(t, err)
	return img
}

// greyDiff is the largest difference of two grey pictures.
func greyDiff(t *testing.T, a, b image.Image) (most int) {
	t.Helper()
	require.Equal(t, a.Bounds(), b.Bounds())
	for y := range a.Bounds().Dy() {
		for x := range a.Bounds().Dx() {
			d := int(color.GrayModel.Convert(a.At(x, y)).(color.Gray).Y) - int(color.GrayModel.Convert(b.At(x, y)).(color.Gray).Y)
			most = max(most, d, -d)
		}
	}
	return most
}
