package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

// TestForwardDiT: a class-conditional transformer gives diffusers' result, in its own folder and in that of a
// pipeline, and can be inspected; a GPU does not have its operations.
func TestForwardDiT(t *testing.T) {
	models, err := filepath.Abs(testModels)
	require.NoError(t, err)
	dir := filepath.Join(models, "dit")
	in, want := conditionInputs(t, dir)
	t.Chdir(t.TempDir())
	require.NoError(t, os.CopyFS("pipeline/transformer", os.DirFS(dir)))
	require.NoError(t, safetensors.WriteFile("in", in, nil))
	for _, model := range []string{dir, "pipeline"} {
		good(t, "forward --model "+model+" --in in --out out")
		out, err := safetensors.Open("out")
		require.NoError(t, err)
		got, err := out.Float32s("sample")
		require.NoError(t, err)
		require.NoError(t, out.Close())
		require.InDeltaSlice(t, want, got, 1e-5)
		require.Contains(t, good(t, "inspect --model "+model), "parameters   37928")
	}
	refuses(t, "inspect --device cuda --model "+dir, "heads of 12 channels in float16")
	require.Contains(t, good(t, "inspect --device cuda --precision fp32 --model "+dir), "launches")
}

// TestSampleDiT draws named classes of a latent model, repeats them, and asks for classes.
func TestSampleDiT(t *testing.T) {
	dir, err := filepath.Abs("../../pipeline/testdata/dit")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	good(t, "sample --steps 2 --class white_shark,999 -n 1 --model "+dir+" -o a.png")
	good(t, "sample --like a.png --model "+dir+" -o b.png")
	a, err := os.ReadFile("a.png")
	require.NoError(t, err)
	b, err := os.ReadFile("b.png")
	require.NoError(t, err)
	require.Equal(t, a, b)
	refuses(t, "sample --model "+dir, "class not given: want 0 to 1000")
	refuses(t, "sample --class crane --model "+dir, "134 and 517")
}

// refuses runs a command that must fail and say why.
func refuses(t *testing.T, args, want string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	require.NotEqual(t, 0, run(t.Context(), strings.Fields(args), &stdout, &stderr))
	require.Contains(t, stderr.String(), want)
}
