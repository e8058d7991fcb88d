package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// TestParseLoRAs: a file, its strength after the last colon, and names that hold one.
func TestParseLoRAs(t *testing.T) {
	odd := filepath.Join(t.TempDir(), "odd:2")
	require.NoError(t, os.WriteFile(odd, nil, 0o600))
	got, err := parseLoRAs([]string{"a.safetensors", "b.safetensors:0.5", `C:\c.safetensors`, "d:-1", odd, odd + ":3"})
	require.NoError(t, err)
	require.Equal(t, []pipeline.LoRA{{File: "a.safetensors", Strength: 1}, {File: "b.safetensors", Strength: 0.5},
		{File: `C:\c.safetensors`, Strength: 1}, {File: "d", Strength: -1}, {File: odd, Strength: 1},
		{File: odd, Strength: 3}}, got)
	for _, v := range []string{"a:", "a:x", "a:NaN", "a:Inf", ":1", ""} {
		_, err := parseLoRAs([]string{v})
		require.ErrorContains(t, err, "--lora", v)
	}
}

// TestSampleLoRA draws with LoRAs, and refuses them where they do not belong.
func TestSampleLoRA(t *testing.T) {
	lora, err := filepath.Abs(textModels + "/lora/kohya.safetensors")
	require.NoError(t, err)
	model, err := filepath.Abs(textModels + "/sd15")
	require.NoError(t, err)
	t.Chdir(t.TempDir())
	draw := func(args ...string) []byte {
		drawText(t, model, append([]string{"--prompt", "a cat", "--steps", "2", "-o", "out.png"}, args...)...)
		f, err := os.Open("out.png")
		require.NoError(t, err)
		defer f.Close()
		text, err := pipeline.ReadParameters(f)
		require.NoError(t, err)
		return []byte(text)
	}
	require.NotContains(t, string(draw()), "LoRA")
	require.Contains(t, string(draw("--lora", lora+":0.5", "--lora", lora)), "LoRA: kohya.safetensors:0.5 kohya.safetensors:1")
	for want, args := range map[string][]string{
		"none: cannot be opened":             {"--model", model, "--prompt", "x", "--lora", "none"},
		"want a finite number":               {"--model", model, "--prompt", "x", "--lora", lora + ":x"},
		"--lora: want a text-to-image model": {"--lora", lora}} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, exitUsage, run(t.Context(), append([]string{"sample"}, args...), &stdout, &stderr), stderr.String())
		require.Contains(t, stderr.String(), want)
	}
}
