package pipeline_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

func loraFile(name string) string { return filepath.Join("testdata", "lora", name+".safetensors") }

// drawLoRA draws with a folder and LoRAs.
func drawLoRA(t *testing.T, folder string, loras ...pipeline.LoRA) pipeline.TextResult {
	t.Helper()
	p, err := pipeline.OpenText(filepath.Join("testdata", folder), pipeline.Options{Threads: 2, LoRAs: loras})
	require.NoError(t, err)
	defer p.Close()
	require.Equal(t, loras, p.Info().LoRAs)
	res, err := p.Generate(t.Context(), pipeline.TextRequest{Prompt: prompt, Seed: 42, Steps: 2})
	require.NoError(t, err)
	return res
}

// TestTextLoRA: LoRAs change what is drawn, in order and by their strength; strength 0 is the model itself,
// bit for bit; and the parameters name them. The numbers are held against diffusers in package model.
func TestTextLoRA(t *testing.T) {
	plain := drawLoRA(t, "sd15")
	require.NotContains(t, plain.Parameters.String(), "LoRA")
	off := drawLoRA(t, "sd15", pipeline.LoRA{File: loraFile("kohya")})
	require.Equal(t, plain.Images[0].Latent, off.Images[0].Latent)
	one := drawLoRA(t, "sd15", pipeline.LoRA{File: loraFile("kohya"), Strength: 0.8})
	require.Greater(t, distance(t, plain.Images[0].Latent, one.Images[0].Latent), 1e-3)
	two := drawLoRA(t, "sd15", pipeline.LoRA{File: loraFile("kohya"), Strength: 0.8},
		pipeline.LoRA{File: loraFile("peft"), Strength: -0.5})
	require.Greater(t, distance(t, one.Images[0].Latent, two.Images[0].Latent), 1e-3)

	text := two.Parameters.String()
	require.Contains(t, text, `LoRA: kohya.safetensors:0.8 peft.safetensors:-0.5`)
	p, err := pipeline.ParseTextParameters(text)
	require.NoError(t, err)
	require.Equal(t, "kohya.safetensors:0.8 peft.safetensors:-0.5", p.Extra["LoRA"])

	xl := drawLoRA(t, "sdxl", pipeline.LoRA{File: loraFile("sgm"), Strength: 1})
	require.Greater(t, distance(t, drawLoRA(t, "sdxl").Images[0].Latent, xl.Images[0].Latent), 1e-3)
}

// TestTextLoRAOnlyText: a LoRA of the text encoder alone changes what is drawn.
func TestTextLoRAOnlyText(t *testing.T) {
	file := filepath.Join(t.TempDir(), "text.safetensors")
	ones := make([]float32, 16)
	for i := range ones {
		ones[i] = float32(i%3) - 1
	}
	const layer = "lora_te_text_model_encoder_layers_0_self_attn_v_proj"
	require.NoError(t, safetensors.WriteFile(file, []safetensors.Data{
		{Name: layer + ".lora_down.weight", Shape: []int{1, 16}, F32: ones},
		{Name: layer + ".lora_up.weight", Shape: []int{16, 1}, F32: ones}}, nil))
	got := drawLoRA(t, "sd15", pipeline.LoRA{File: file, Strength: 1})
	require.Greater(t, distance(t, drawLoRA(t, "sd15").Images[0].Latent, got.Images[0].Latent), 1e-5)
}

// TestTextLoRARefused: LoRAs of other models, files that are none, and models that take none.
func TestTextLoRARefused(t *testing.T) {
	garbage := filepath.Join(t.TempDir(), "garbage.safetensors")
	require.NoError(t, os.WriteFile(garbage, []byte("no such file"), 0o600))
	for _, c := range []struct{ folder, file, want string }{
		{"sd15", loraFile("sgm"), "second text encoder"},
		{"sdxl", loraFile("kohya"), "the model has"},
		{"sd15", loraFile("golden"), "keys that are not of a LoRA"},
		{"sd15", loraFile("none"), "none.safetensors"},
		{"sd15", garbage, "garbage.safetensors"},
	} {
		_, err := pipeline.OpenText(filepath.Join("testdata", c.folder),
			pipeline.Options{LoRAs: []pipeline.LoRA{{File: c.file, Strength: 1}}})
		var open *pipeline.OpenError
		require.ErrorAs(t, err, &open, c.file)
		require.ErrorContains(t, err, c.want)
	}
	var lora *model.LoRAError
	_, err := pipeline.OpenText("testdata/sd15", pipeline.Options{LoRAs: []pipeline.LoRA{{File: loraFile("sgm")}}})
	require.ErrorAs(t, err, &lora)
	var request *pipeline.RequestError
	_, err = pipeline.Bundled(pipeline.Options{LoRAs: []pipeline.LoRA{{File: loraFile("kohya")}}})
	require.ErrorAs(t, err, &request)
	_, err = pipeline.OpenText("testdata/sd15", pipeline.Options{LoRAs: make([]pipeline.LoRA, 65)})
	require.ErrorAs(t, err, &request)
}
