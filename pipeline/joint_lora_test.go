package pipeline_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/pipeline"
)

func jointLoRA(name string) string {
	return filepath.Join("testdata", "joint_lora", name+".safetensors")
}

func openJointLoRA(folder, file string, strength float64) (*pipeline.TextToImage, error) {
	return pipeline.OpenText("testdata/"+folder, pipeline.Options{Threads: 2,
		LoRAs: []pipeline.LoRA{{File: file, Strength: strength}}})
}

// TestJointLoRAGolden holds Stable Diffusion 3 and FLUX.1 with LoRAs against diffusers with peft, and where it cannot
// against the formula (make_joint_lora.py): transformers, CLIP and T5, keys of peft with an alpha in the metadata, and of
// kohya with layers that hold several of diffusers'.
func TestJointLoRAGolden(t *testing.T) {
	f, err := safetensors.Open(jointLoRA("golden"))
	require.NoError(t, err)
	defer f.Close()
	for _, c := range []struct {
		folder, name string
		strength     float64
	}{{"sd3", "sd3_peft", 0.8}, {"flux", "flux_peft", 1}, {"flux", "flux_kohya", 0.7}} {
		draw := func(strength float64) []float32 {
			p, err := openJointLoRA(c.folder, jointLoRA(c.name), strength)
			require.NoError(t, err, c.name)
			defer p.Close()
			res, err := p.Generate(t.Context(), pipeline.TextRequest{Prompt: "A photo of a cat in the old castle", Steps: 2, Guidance: 3,
				Height: 16, Width: 16, Seed: 42, RNG: "torch-cpu"})
			require.NoError(t, err)
			return res.Images[0].Latent
		}
		d := distance(t, floats(t, f, c.name), draw(c.strength))
		t.Logf("%s %.1e", c.name, d)
		require.Less(t, d, 1e-5, c.name)
		require.Less(t, distance(t, floats(t, f, c.folder), draw(0)), 1e-5, "strength 0 is none")
	}
}

// TestJointLoRARefused: what a model has not, by the names of the keys.
func TestJointLoRARefused(t *testing.T) {
	pair := func(name string, out, in int) []safetensors.Data {
		return []safetensors.Data{{Name: name + ".lora_down.weight", Shape: []int{1, in}, F32: make([]float32, in)},
			{Name: name + ".lora_up.weight", Shape: []int{out, 1}, F32: make([]float32, out)}}
	}
	for _, c := range []struct {
		folder, want string
		in           []safetensors.Data
	}{
		{"sd3", "changes a U-Net, which the model has not", pair("lora_unet_joint_blocks_0_x_block_attn_qkv", 48, 16)},
		{"sd3", `"transformer.double_blocks_0_img_attn_qkv"`, pair("lora_unet_double_blocks_0_img_attn_qkv", 48, 16)},
		{"flux", `"transformer.double_blocks_1_img_attn_qkv"`, pair("lora_unet_double_blocks_1_img_attn_qkv", 48, 16)},
		{"flux", "shape [47 16], the model has [48 16]", pair("lora_unet_double_blocks_0_img_attn_qkv", 47, 16)},
		{"flux", "two of its layers are one", append(pair("lora_unet_double_blocks_0_img_attn_qkv", 48, 16),
			pair("transformer.transformer_blocks.0.attn.to_k", 16, 16)...)},
		{"flux", `"transformer.transformer_blocks.0.attn.norm_q"`, pair("transformer.transformer_blocks.0.attn.norm_q", 8, 1)},
		{"flux", "changes a third text encoder", pair("text_encoder_3.encoder.block.0.layer.0.SelfAttention.q", 8, 20)},
		{"flux", `1 of its 1 layers of t5 are not in the model: "t5.encoder_block_9_x"`, pair("lora_te3_encoder_block_9_x", 8, 20)},
		{"sd15", "changes a transformer", pair("transformer.x_embedder", 16, 64)},
		{"sdxl", "changes T5", pair("lora_te3_encoder_block_0_layer_0_SelfAttention_q", 8, 20)},
	} {
		file := filepath.Join(t.TempDir(), "lora.safetensors")
		require.NoError(t, safetensors.WriteFile(file, c.in, nil))
		_, err := openJointLoRA(c.folder, file, 1)
		var lora *model.LoRAError
		require.ErrorAs(t, err, &lora, c.want)
		require.ErrorContains(t, err, c.want)
	}
	var request *pipeline.RequestError
	_, err := openJointLoRA("pixart_sigma", jointLoRA("flux_peft"), 1)
	require.ErrorAs(t, err, &request)
	require.Equal(t, "LoRAs", request.Field)
}
