package main

import (
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

// conditionInputs are a golden's inputs under the names of diffusers' arguments, and its result.
func conditionInputs(t *testing.T, dir string) (in []safetensors.Data, want []float32) {
	g, err := safetensors.Open(filepath.Join(dir, "golden.safetensors"))
	require.NoError(t, err)
	defer g.Close()
	for _, names := range [][2]string{{"in.x", "sample"}, {"in.t", "timestep"}, {"in.ctx", "encoder_hidden_states"},
		{"in.y", "class_labels"}, {"in.tcond", "timestep_cond"}} {
		x, ok := g.Tensor(names[0])
		if !ok {
			continue
		}
		d := safetensors.Data{Name: names[1], Shape: x.Shape}
		if x.DType.Float() {
			d.F32, err = g.Float32s(names[0])
		} else {
			d.I64, err = g.Int64s(names[0])
		}
		require.NoError(t, err)
		in = append(in, d)
	}
	want, err = g.Float32s("out.sample")
	require.NoError(t, err)
	return in, want
}

// TestForwardCondition: text-conditional networks give diffusers' result, also of odd size and without a size.
func TestForwardCondition(t *testing.T) {
	models, err := filepath.Abs(testModels)
	require.NoError(t, err)
	for _, name := range []string{"sd15", "sd21", "lcm", "odd", "wide"} {
		dir := filepath.Join(models, "unet_"+name)
		in, want := conditionInputs(t, dir)
		t.Chdir(t.TempDir())
		require.NoError(t, safetensors.WriteFile("in", in, nil))
		good(t, "forward --model "+dir+" --in in --out out")
		out, err := safetensors.Open("out")
		require.NoError(t, err)
		got, err := out.Float32s("sample")
		require.NoError(t, err)
		require.NoError(t, out.Close())
		require.InDeltaSlice(t, want, got, 1e-5, name)
	}
}

// TestForwardConditionRefuses: a text of the wrong form is named with what is wanted.
func TestForwardConditionRefuses(t *testing.T) {
	models, err := filepath.Abs(testModels)
	require.NoError(t, err)
	const text = "encoder_hidden_states"
	for _, c := range []struct {
		model, tensor string
		shape         []int // nil removes the tensor
		want          string
	}{
		{"unet_sd15", text, nil, `no tensor "encoder_hidden_states": want [2, tokens, 24], float32`},
		{"unet_sd15", text, []int{2, 7, 23}, "encoder_hidden_states [2 7 23]: want [2, tokens, 24]"},
		{"unet_sd15", text, []int{1, 7, 24}, "encoder_hidden_states [1 7 24]: want [2, tokens, 24]"},
		{"unet_sd15", text, []int{2, 0, 24}, "encoder_hidden_states [2 0 24]: want [2, tokens, 24]"},
		{"unet_sd15", text, []int{14, 24}, "encoder_hidden_states [14 24]: want [2, tokens, 24]"},
		{"unet_sd15", "added", []int{1}, `tensor "added": the network takes sample, timestep and encoder_hidden_states`},
		{"unet_lcm", "timestep_cond", []int{2, 15}, "timestep_cond [2 15]: want [2, 16]"},
		{"unet_wide", "sample", []int{2, 2, 5, 5}, "sample [2 2 5 5]: model: UpsampleLike"},
	} {
		dir := filepath.Join(models, c.model)
		in, _ := conditionInputs(t, dir)
		kept := in[:0]
		for _, d := range in {
			if d.Name != c.tensor {
				kept = append(kept, d)
			}
		}
		if n := 1; c.shape != nil {
			for _, d := range c.shape {
				n *= d
			}
			kept = append(kept, safetensors.Data{Name: c.tensor, Shape: c.shape, F32: make([]float32, n)})
		}
		f := fixtures{t, t.TempDir()}
		require.NoError(t, safetensors.WriteFile(filepath.Join(f.dir, "in"), kept, nil))
		checkBad(t, f, badCase{"forward --model " + dir + " --in @in --out out", c.want})
	}
}

// TestForwardWithoutTimestepCond: the vector may be left out, as in diffusers, and then changes the result.
func TestForwardWithoutTimestepCond(t *testing.T) {
	dir, err := filepath.Abs(testModels + "/unet_lcm")
	require.NoError(t, err)
	in, want := conditionInputs(t, dir)
	t.Chdir(t.TempDir())
	require.NoError(t, safetensors.WriteFile("in", in[:3], nil))
	good(t, "forward --model "+dir+" --in in --out without")
	for i := range in[3].F32 {
		in[3].F32[i] = 0
	}
	require.NoError(t, safetensors.WriteFile("in", in, nil))
	good(t, "forward --model "+dir+" --in in --out zero")
	require.Equal(t, read(t, "zero"), read(t, "without"))
	out, err := safetensors.Open("zero")
	require.NoError(t, err)
	defer out.Close()
	got, err := out.Float32s("sample")
	require.NoError(t, err)
	require.NotEqual(t, want, got)
}

func TestInspectCondition(t *testing.T) {
	var in inspection
	args := "inspect --json --ops --tokens 10 --model " + testModels
	require.NoError(t, json.Unmarshal([]byte(good(t, args+"/unet_sd15")), &in))
	require.Equal(t, 201924, in.Params)
	require.Equal(t, []int{10, 24}, in.Context)
	require.Equal(t, []int{4, 8, 8}, in.Input)
	require.Contains(t, in.Ops, "SwapAxes\tencoder_hidden_states\t24x10x1")
	require.Contains(t, good(t, "inspect --model "+testModels+"/unet_sd15"), "text         [77 24]")
	models, err := filepath.Abs(testModels)
	require.NoError(t, err)
	for args, want := range map[string]string{
		"inspect --model " + models + "/unet_wide":                   "config.json has no sample_size",
		"inspect --tokens 0 --model " + models + "/unet_sd15":        "--tokens 0: want a positive number",
		"inspect --tokens 99999999 --model " + models + "/unet_sd15": "context: 99999999 tokens are not within 1..",
		"sample --steps 1 --model " + models + "/unet_sd15":          `"UNet2DConditionModel" is not supported`,
	} {
		checkBad(t, fixtures{t, t.TempDir()}, badCase{args, want})
	}
}
