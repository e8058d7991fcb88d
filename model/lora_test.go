package model_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

// loraFolder has the files of pipeline/testdata/make_lora.py.
const loraFolder = "../pipeline/testdata"

func openLoRA(t testing.TB, name string) *model.LoRA {
	t.Helper()
	l, err := model.OpenLoRA(filepath.Join(loraFolder, "lora", name+".safetensors"))
	require.NoError(t, err)
	return l
}

func loraGolden(t testing.TB) func(name string) []float32 {
	t.Helper()
	f, err := safetensors.Open(filepath.Join(loraFolder, "lora", "golden.safetensors"))
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return func(name string) []float32 {
		if tensor, ok := f.Tensor(name); ok && tensor.DType == "I64" {
			ids, err := f.Int64s(name)
			require.NoError(t, err)
			out := make([]float32, len(ids))
			for i, id := range ids {
				out[i] = float32(id)
			}
			return out
		}
		x, err := f.Float32s(name)
		require.NoError(t, err)
		return x
	}
}

// loraUNet evaluates the U-Net of a folder on the input of the golden.
func loraUNet(t testing.TB, golden func(string) []float32, folder string, uses []model.LoRAUse) []float32 {
	t.Helper()
	u, err := model.OpenUNetConditionLoRA(os.DirFS(filepath.Join(loraFolder, folder)), "unet", uses)
	require.NoError(t, err)
	ex, err := u.CompileSize(1, model.Size{H: 8, W: 8, Tokens: 5}, nil)
	require.NoError(t, err)
	in := model.Inputs{Sample: golden(folder + ".sample"), Timestep: []float32{321}, Context: golden(folder + ".context")}
	if folder == "sdxl" {
		in.Pooled, in.TimeIDs = golden("sdxl.pooled"), golden("sdxl.sizes")
	}
	out := make([]float32, 4*8*8)
	require.NoError(t, ex.Run(t.Context(), 1, in, out))
	return out
}

// loraText encodes the text of the golden.
func loraText(t testing.TB, golden func(string) []float32, folder, part string, o model.TextOptions,
	uses []model.LoRAUse) []float32 {
	t.Helper()
	c, err := model.OpenCLIPTextLoRA(os.DirFS(filepath.Join(loraFolder, folder)), part, part, uses)
	require.NoError(t, err)
	c, err = c.With(o)
	require.NoError(t, err)
	var ids []int32
	for _, id := range golden(folder + ".ids") {
		ids = append(ids, int32(id))
	}
	hidden, _, err := c.Encode(t.Context(), [][]int32{ids})
	require.NoError(t, err)
	return hidden
}

func largest(t testing.TB, want, got []float32) float64 {
	t.Helper()
	require.Equal(t, len(want), len(got))
	var d float64
	for i := range want {
		d = max(d, math.Abs(float64(want[i])-float64(got[i])))
	}
	return d
}

// TestLoRAGolden holds networks with merged LoRAs against diffusers with peft, which adds
// the product of the matrices to a layer's output (make_lora.py says where the formula
// takes its place): every form of keys, linear layers,
// convolutions, alphas, ranks, and two files at once.
func TestLoRAGolden(t *testing.T) {
	golden := loraGolden(t)
	use := func(name string, strength float64) model.LoRAUse {
		return model.LoRAUse{LoRA: openLoRA(t, name), Strength: strength}
	}
	for _, c := range []struct {
		folder, run string
		uses        []model.LoRAUse
	}{
		{"sd15", "none", nil},
		{"sd15", "kohya", []model.LoRAUse{use("kohya", 0.8)}},
		{"sd15", "peft", []model.LoRAUse{use("peft", 1)}},
		{"sd15", "metadata", []model.LoRAUse{use("metadata", 1)}},
		{"sd15", "alphas", []model.LoRAUse{use("alphas", 1.25)}},
		{"sd15", "processor", []model.LoRAUse{use("processor", 1.5)}},
		{"sd15", "both", []model.LoRAUse{use("kohya", 0.5), use("peft", -0.7)}},
		{"sdxl", "none", nil},
		{"sdxl", "sgm", []model.LoRAUse{use("sgm", 0.9)}},
	} {
		t.Run(c.folder+"/"+c.run, func(t *testing.T) {
			prefix := c.folder + "." + c.run
			d := largest(t, golden(prefix+".unet"), loraUNet(t, golden, c.folder, c.uses))
			t.Logf("unet %.1e", d)
			require.Less(t, d, 1e-5)
			o := model.TextOptions{}
			if c.folder == "sdxl" {
				o = model.TextOptions{Skip: 1, Raw: true}
				d = largest(t, golden(prefix+".text_2"), loraText(t, golden, c.folder, model.PartTextEncoder2, o, c.uses))
				require.Less(t, d, 1e-5, "second text encoder")
			}
			d = largest(t, golden(prefix+".text"), loraText(t, golden, c.folder, model.PartTextEncoder, o, c.uses))
			t.Logf("text %.1e", d)
			require.Less(t, d, 1e-5, "text encoder")
		})
	}
}

// TestLoRAStrengthZero is the network itself, bit for bit.
func TestLoRAStrengthZero(t *testing.T) {
	golden := loraGolden(t)
	want := loraUNet(t, golden, "sd15", nil)
	off := []model.LoRAUse{{LoRA: openLoRA(t, "kohya"), Strength: 0}}
	require.Equal(t, want, loraUNet(t, golden, "sd15", off))
	off[0].Strength = 1e-3
	require.NotEqual(t, want, loraUNet(t, golden, "sd15", off))
}
