package model

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestLoRAKeys: the forms of the keys. Layers keep the dots that a key has.
func TestLoRAKeys(t *testing.T) {
	for key, want := range map[string]struct {
		part, layer string
		role        loraRole
	}{
		"lora_unet_mid_block_attentions_0_proj_in.lora_up.weight":       {PartUNet, "mid_block_attentions_0_proj_in", loraUp},
		"lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight":  {PartTextEncoder, "text_model_encoder_layers_0_mlp_fc1", loraDown},
		"lora_te1_text_model_encoder_layers_0_mlp_fc1.alpha":            {PartTextEncoder, "text_model_encoder_layers_0_mlp_fc1", loraAlpha},
		"lora_te2_text_projection.lora_down.weight":                     {PartTextEncoder2, "text_projection", loraDown},
		"unet.conv_in.lora_A.weight":                                    {PartUNet, "conv_in", loraDown},
		"unet.conv_in.alpha":                                            {PartUNet, "conv_in", loraAlpha},
		"base_model.model.down_blocks.0.x.to_q.lora_B.weight":           {PartUNet, "down_blocks.0.x.to_q", loraUp},
		"unet.base_model.model.down_blocks.0.x.to_q.lora_B.weight":      {PartUNet, "down_blocks.0.x.to_q", loraUp},
		"mid_block.x.attn1.processor.to_out_lora.up.weight":             {PartUNet, "mid_block.x.attn1.to_out.0", loraUp},
		"unet.mid_block.x.attn1.to_q.lora.down.weight":                  {PartUNet, "mid_block.x.attn1.to_q", loraDown},
		"text_encoder.text_model.l.0.self_attn.to_out_lora.down.weight": {PartTextEncoder, "text_model.l.0.self_attn.out_proj", loraDown},
		"text_encoder_2.text_model.l.0.q_proj.lora_linear_layer.up.weight": {PartTextEncoder2, "text_model.l.0.q_proj",
			loraUp},
		"transformer.transformer_blocks.0.attn.to_q.lora_A.weight":             {PartTransformer, "transformer_blocks.0.attn.to_q", loraDown},
		"transformer.x.attn.to_out.lora_B.weight":                              {PartTransformer, "x.attn.to_out.0", loraUp},
		"transformer.single_transformer_blocks.1.proj_out.lora_down.weight":    {PartTransformer, "single_transformer_blocks.1.proj_out", loraDown},
		"lora_transformer_x_embedder.alpha":                                    {PartTransformer, "x_embedder", loraAlpha},
		"proj_out.lora_A.weight":                                               {PartTransformer, "proj_out", loraDown},
		"lora_unet_double_blocks_0_img_attn_qkv.lora_up.weight":                {PartTransformer, "double_blocks_0_img_attn_qkv", loraUp},
		"lora_unet_final_layer_linear.alpha":                                   {PartTransformer, "final_layer_linear", loraAlpha},
		"diffusion_model.single_blocks.3.linear1.lora_A.weight":                {PartTransformer, "single_blocks.3.linear1", loraDown},
		"base_model.model.double_blocks.0.txt_mlp.0.lora_B.weight":             {PartTransformer, "double_blocks.0.txt_mlp.0", loraUp},
		"lora_te3_encoder_block_0_layer_0_SelfAttention_q.lora_down.weight":    {PartT5, "encoder_block_0_layer_0_SelfAttention_q", loraDown},
		"text_encoders.t5xxl.transformer.encoder.x.lora_A.weight":              {PartT5, "encoder.x", loraDown},
		"text_encoder_3.encoder.block.0.layer.1.DenseReluDense.wo.alpha":       {PartTextEncoder3, "encoder.block.0.layer.1.DenseReluDense.wo", loraAlpha},
		"text_encoders.clip_l.transformer.text_model.l.0.q_proj.lora_A.weight": {PartTextEncoder, "text_model.l.0.q_proj", loraDown},
	} {
		part, layer, role, ok := parseLoRAKey(key)
		assert.True(t, ok, key)
		assert.Equal(t, want.part, part, key)
		assert.Equal(t, want.layer, layer, key)
		assert.Equal(t, want.role, role, key)
	}
	for _, key := range []string{"", ".alpha", "unet..weight", "unet.lora_A.weight", "transformer.lora_A.weight", "diffusion_model.joint_blocks.0.x.lora_A.weight",
		"unet.conv_in.weight", "lora_unet_conv_in.lora_down.bias", "te.lora_up.weight"} {
		_, _, _, ok := parseLoRAKey(key)
		assert.False(t, ok, key)
	}
}

// TestSGMNames: the numbers of Stable Diffusion XL's blocks, as its LoRA files have them,
// and of Stable Diffusion 1's, whose first upsampler follows no attention.
func TestSGMNames(t *testing.T) {
	xl := newSGMNames([]string{"down_blocks.0.resnets.0.conv1", "down_blocks.0.resnets.1.conv1",
		"down_blocks.0.downsamplers.0.conv", "down_blocks.1.resnets.1.conv1", "down_blocks.1.attentions.1.proj_in",
		"down_blocks.1.downsamplers.0.conv", "down_blocks.2.resnets.1.conv1", "down_blocks.2.attentions.1.proj_in",
		"up_blocks.0.resnets.2.conv1", "up_blocks.0.attentions.2.proj_in", "up_blocks.0.upsamplers.0.conv",
		"up_blocks.1.resnets.2.conv1", "up_blocks.1.upsamplers.0.conv", "up_blocks.2.resnets.2.conv1"})
	for layer, want := range map[string]string{
		"down_blocks.1.attentions.0.transformer_blocks.0.attn1.to_q": "input_blocks.4.1.transformer_blocks.0.attn1.to_q",
		"down_blocks.2.attentions.1.proj_in":                         "input_blocks.8.1.proj_in",
		"down_blocks.1.downsamplers.0.conv":                          "input_blocks.6.0.op",
		"down_blocks.0.resnets.1.time_emb_proj":                      "input_blocks.2.0.emb_layers.1",
		"mid_block.attentions.0.proj_out":                            "middle_block.1.proj_out",
		"mid_block.resnets.1.conv2":                                  "middle_block.2.out_layers.3",
		"up_blocks.1.attentions.2.proj_in":                           "output_blocks.5.1.proj_in",
		"up_blocks.0.upsamplers.0.conv":                              "output_blocks.2.2.conv",
		"up_blocks.1.upsamplers.0.conv":                              "output_blocks.5.1.conv",
		"up_blocks.2.resnets.2.conv_shortcut":                        "output_blocks.8.0.skip_connection",
		"conv_in":                                                    "input_blocks.0.0",
		"up_blocks.2.resnets.2.norm1":                                "",
		"encoder.layers.0.mlp.fc1":                                   "",
		"down_blocks.0":                                              "",
	} {
		assert.Equal(t, want, xl.name(layer), layer)
	}
}
