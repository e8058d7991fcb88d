package model_test

import (
	"io/fs"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

// toQ is a layer of 4 x 4 of the folder sd15, in the keys of kohya and of diffusers.
const (
	toQ      = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
	toQPlain = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q"
)

func tensor(name string, value float32, shape ...int) safetensors.Data {
	n := 1 // a scalar has one
	for _, d := range shape {
		n *= d
	}
	return safetensors.Data{Name: name, Shape: shape, F32: slices.Repeat([]float32{value}, n)}
}

func writeLoRA(t testing.TB, metadata map[string]string, tensors ...safetensors.Data) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "lora.safetensors")
	require.NoError(t, safetensors.WriteFile(file, tensors, metadata))
	return file
}

// TestLoRAHostile: files that are no plain LoRA, or a broken one, are refused when they are
// opened, with what is wrong and where.
func TestLoRAHostile(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	down, up := tensor(toQ+".lora_down.weight", 1, 2, 4), tensor(toQ+".lora_up.weight", 1, 4, 2)
	data := func(d ...safetensors.Data) []safetensors.Data { return d }
	for _, c := range []struct {
		want string
		in   []safetensors.Data
	}{
		{"no tensors", nil},
		{"ranks 2 and 3", data(down, tensor(toQ+".lora_up.weight", 1, 4, 3))},
		{"lacks the up matrix", data(down)},
		{"lacks the down matrix", data(up)},
		{"an alpha has no layer", data(down, up, tensor("lora_unet_conv_in.alpha", 1))},
		{"alpha is NaN", data(down, up, tensor(toQ+".alpha", nan))},
		{"alpha is +Inf", data(down, up, tensor(toQ+".alpha", inf))},
		{"alpha has shape [2]", data(down, up, tensor(toQ+".alpha", 1, 2))},
		{"not finite", data(down, tensor(toQ+".lora_up.weight", nan, 4, 2))},
		{"not finite", data(tensor(toQ+".lora_down.weight", inf, 2, 4), up)},
		{"wanted [rank, in]", data(tensor(toQ+".lora_down.weight", 1, 8), up)},
		{"wanted [rank, in]", data(tensor(toQ+".lora_down.weight", 1, 2, 4, 3), up)},
		{"wanted [rank, in]", data(tensor(toQ+".lora_down.weight", 1, 0, 4), tensor(toQ+".lora_up.weight", 1, 4, 0))},
		{"wanted [out, rank]", data(down, tensor(toQ+".lora_up.weight", 1, 4, 2, 3, 3))},
		{"wanted [out, rank]", data(down, tensor(toQ+".lora_up.weight", 1))},
		{"same of one layer", data(down, up, tensor(toQPlain+".lora_A.weight", 1, 2, 4))},
		{"not of a LoRA", data(down, up, tensor("conv_in.weight", 1, 4))},
		{"not of a LoRA", data(tensor("lora_unet_.lora_down.weight", 1, 2, 4))},
		{"DoRA is not supported", data(down, up, tensor(toQ+".dora_scale", 1, 4))},
		{"DoRA is not supported", data(down, up, tensor(toQPlain+".lora_magnitude_vector", 1, 4))},
		{"LoHa is not supported", data(tensor(toQ+".hada_w1_a", 1, 4, 2))},
		{"LoKr is not supported", data(tensor(toQ+".lokr_w1", 1, 2, 2))},
		{"Tucker core is not supported", data(down, up, tensor(toQ+".lora_mid.weight", 1, 2, 2, 3, 3))},
		{"full difference is not supported", data(tensor(toQ+".diff", 1, 4, 4))},
	} {
		_, err := model.OpenLoRA(writeLoRA(t, nil, c.in...))
		var e *model.LoRAError
		require.ErrorAs(t, err, &e, "%s", c.want)
		assert.ErrorContains(t, err, c.want)
	}
	for text, want := range map[string]string{
		"{":                        "cannot be used",
		`{"unet.lora_alpha": "x"}`: "unet.lora_alpha",
		`{"unet.use_dora": true}`:  "DoRA is not supported",
		`{"unet.lora_alpha":1,"unet.alpha_pattern":{"(a+)+":2}}`:               "regular expression",
		`{"unet.lora_alpha":1,"unet.alpha_pattern":{"to_q":2,"attn1.to_q":3}}`: "two things",
	} {
		in := data(tensor(toQPlain+".lora_A.weight", 1, 2, 4), tensor(toQPlain+".lora_B.weight", 1, 4, 2))
		_, err := model.OpenLoRA(writeLoRA(t, map[string]string{"lora_adapter_metadata": text}, in...))
		assert.ErrorContains(t, err, want, text)
	}
}

// TestLoRADoesNotFit: layers that the network lacks or has in another shape, and merges that
// overflow, are refused when the network is opened.
func TestLoRADoesNotFit(t *testing.T) {
	pair := func(name string, value float32, out, in int) []safetensors.Data {
		return []safetensors.Data{tensor(name+".lora_down.weight", value, 2, in), tensor(name+".lora_up.weight", value, out, 2)}
	}
	fsys := os.DirFS(filepath.Join(loraFolder, "sd15"))
	for _, c := range []struct {
		want     string
		strength float64
		in       []safetensors.Data
	}{
		{"shape [4 8], the model has [4 4]", 1, pair(toQ, 1, 4, 8)},
		{"shape [4 8], the model has [4 4]", 0, pair(toQ, 1, 4, 8)},
		{"shape [4 4], the model has [4 4 3 3]", 1, pair("lora_unet_conv_in", 1, 4, 4)},
		{`1 of its 1 layers of unet are not in the model: "unet.down_blocks_9_x"`, 1, pair("lora_unet_down_blocks_9_x", 1, 4, 4)},
		{`1 of its 2 layers of unet are not in the model: "unet.mid_block.x"`, 1, append(pair(toQ, 1, 4, 4), pair("unet.mid_block.x", 1, 4, 4)...)},
		{"two of its layers are one", 1, append(pair("lora_unet_time_embedding_linear_1", 1, 16, 4), pair("lora_unet_time_embed_0", 1, 16, 4)...)},
		{"not in the model", 1, pair("lora_unet_conv_norm_out", 1, 4, 4)}, // a norm has no such change
		{"strength is NaN", math.NaN(), pair(toQ, 1, 4, 4)},
		{"strength is -Inf", math.Inf(-1), pair(toQ, 1, 4, 4)},
		{"weights that are not finite", 1, pair(toQ, 1e25, 4, 4)},
		{"weights that are not finite", 1e300, pair(toQ, 1, 4, 4)},
	} {
		l, err := model.OpenLoRA(writeLoRA(t, nil, c.in...))
		require.NoError(t, err, c.want)
		_, err = model.OpenUNetConditionLoRA(fsys, "unet", []model.LoRAUse{{LoRA: l, Strength: c.strength}})
		var e *model.LoRAError
		require.ErrorAs(t, err, &e, "%s", c.want)
		assert.ErrorContains(t, err, c.want)
	}
}

// mergeBytes opens the bytes of a file and merges them: a LoRA or an error, never a panic.
func mergeBytes(t testing.TB, fsys fs.FS, b []byte) bool {
	file := filepath.Join(t.TempDir(), "lora.safetensors")
	require.NoError(t, os.WriteFile(file, b, 0o600))
	l, err := model.OpenLoRA(file)
	if err != nil {
		return false
	}
	require.Positive(t, l.Layers())
	_, _ = model.OpenUNetConditionLoRA(fsys, "unet", []model.LoRAUse{{LoRA: l, Strength: 1}})
	return true
}

// TestLoRAMutations changes a few bytes of a file, most of them of its header.
func TestLoRAMutations(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(loraFolder, "lora", "metadata.safetensors"))
	require.NoError(t, err)
	fsys, random, opened := os.DirFS(filepath.Join(loraFolder, "sd15")), rand.New(rand.NewPCG(1, 2)), 0
	const runs = 300
	for range runs {
		c := slices.Clone(b)
		for range 1 + random.IntN(3) {
			c[random.IntN(2000)] = byte(random.Uint32())
		}
		if mergeBytes(t, fsys, c) {
			opened++
		}
	}
	require.Greater(t, opened, 0)
	require.Less(t, opened, runs)
}

// FuzzOpenLoRA is the same for any bytes.
func FuzzOpenLoRA(f *testing.F) {
	for _, name := range []string{"alphas", "peft", "metadata", "processor"} {
		b, err := os.ReadFile(filepath.Join(loraFolder, "lora", name+".safetensors"))
		require.NoError(f, err)
		f.Add(b)
	}
	fsys := os.DirFS(filepath.Join(loraFolder, "sd15"))
	f.Fuzz(func(t *testing.T, b []byte) { mergeBytes(t, fsys, b) })
}
