package singlefile_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/singlefile"
)

// publishedShapes are names and shapes of the published file of a variant.
func publishedShapes(t *testing.T, v singlefile.Variant) map[string][]int {
	c, err := v.Configs()
	require.NoError(t, err)
	var u struct {
		Up []string `json:"up_block_types"`
	}
	require.NoError(t, json.Unmarshal(c["unet/config.json"], &u))
	attends := func(level int) bool { return u.Up[level] == "CrossAttnUpBlock2D" }
	out := map[string][]int{}
	for file, params := range graphs(t, c) {
		for _, p := range params {
			switch shape := p.Shape; {
			case strings.HasPrefix(file, "unet"):
				out[originalUNet(p.Name, attends)] = shape
			case strings.HasPrefix(file, "vae"):
				if strings.Contains(p.Name, "attentions") && len(shape) == 2 {
					shape = []int{shape[0], shape[1], 1, 1}
				}
				out[originalVAE(p.Name)] = shape
			case strings.HasPrefix(file, "text_encoder_2"), v == singlefile.V2, v == singlefile.V2Base:
				prefix := "cond_stage_model.model."
				if v == singlefile.XL {
					prefix = "conditioner.embedders.1.model."
				}
				if name, shape := originalOpenCLIP(p.Name, shape); name != "" {
					out[prefix+name] = shape
					if strings.Contains(name, "resblocks.22.") && v != singlefile.XL { // the block that diffusers leaves out
						out[prefix+strings.Replace(name, "22", "23", 1)] = shape
					}
				}
			default:
				prefix := "cond_stage_model.transformer."
				if v == singlefile.XL {
					prefix = "conditioner.embedders.0.transformer."
				}
				out[prefix+p.Name] = shape
			}
		}
	}
	for name, shape := range map[string][]int{"cond_stage_model.transformer.text_model.embeddings.position_ids": {1, 77},
		"conditioner.embedders.0.transformer.text_model.embeddings.position_ids": {1, 77},
		"conditioner.embedders.1.model.logit_scale":                              nil, "cond_stage_model.model.logit_scale": nil,
		"cond_stage_model.model.text_projection": {1024, 1024}} {
		xl, open := strings.HasPrefix(name, "conditioner"), strings.HasPrefix(name, "cond_stage_model.model")
		if xl == (v == singlefile.XL) && (xl || open == (v != singlefile.V1)) {
			out[name] = shape
		}
	}
	return out
}

// TestPublished holds the built-in configurations against files of real names and shapes: U-Nets of 686 or 1680
// tensors, an autoencoder of 248, CLIP of 197, OpenCLIP of 12 a block and 6. The names below are written down from
// the original configurations (v1-inference.yaml, v2-inference-v.yaml, sd_xl_base.yaml) and networks.
func TestPublished(t *testing.T) {
	type m = map[string][]int
	for _, c := range []struct {
		variant singlefile.Variant
		n       int
		known   m
	}{
		{singlefile.V1, 686 + 248 + 197, m{
			"model.diffusion_model.output_blocks.11.0.skip_connection.weight":                   {320, 640, 1, 1},
			"model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight":     {320, 768},
			"model.diffusion_model.input_blocks.1.1.proj_in.weight":                             {320, 320, 1, 1},
			"model.diffusion_model.input_blocks.9.0.op.weight":                                  {1280, 1280, 3, 3},
			"model.diffusion_model.output_blocks.2.1.conv.weight":                               {1280, 1280, 3, 3},
			"model.diffusion_model.output_blocks.8.2.conv.weight":                               {640, 640, 3, 3},
			"model.diffusion_model.middle_block.1.transformer_blocks.0.ff.net.0.proj.weight":    {10240, 1280},
			"first_stage_model.decoder.up.0.block.0.nin_shortcut.weight":                        {128, 256, 1, 1},
			"first_stage_model.decoder.mid.attn_1.q.weight":                                     {512, 512, 1, 1},
			"first_stage_model.encoder.down.2.downsample.conv.weight":                           {512, 512, 3, 3},
			"cond_stage_model.transformer.text_model.embeddings.position_embedding.weight":      {77, 768},
			"cond_stage_model.transformer.text_model.encoder.layers.11.self_attn.q_proj.weight": {768, 768},
			"cond_stage_model.transformer.text_model.embeddings.position_ids":                   {1, 77},
			"model.diffusion_model.input_blocks.0.0.weight":                                     {320, 4, 3, 3},
			"model.diffusion_model.output_blocks.5.1.transformer_blocks.0.attn1.to_out.0.bias":  {1280},
			"model.diffusion_model.time_embed.2.weight":                                         {1280, 1280},
			"cond_stage_model.transformer.text_model.final_layer_norm.bias":                     {768},
			"first_stage_model.post_quant_conv.weight":                                          {4, 4, 1, 1},
			"first_stage_model.quant_conv.bias":                                                 {8},
			"cond_stage_model.transformer.text_model.encoder.layers.0.mlp.fc1.weight":           {3072, 768},
			"first_stage_model.decoder.up.3.upsample.conv.weight":                               {512, 512, 3, 3},
			"model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm3.weight":        {320},
			"cond_stage_model.transformer.text_model.embeddings.token_embedding.weight":         {49408, 768},
			"model.diffusion_model.middle_block.2.out_layers.3.weight":                          {1280, 1280, 3, 3},
			"first_stage_model.encoder.mid.block_2.conv2.weight":                                {512, 512, 3, 3},
			"model.diffusion_model.output_blocks.3.1.norm.weight":                               {1280},
			"model.diffusion_model.input_blocks.4.0.skip_connection.weight":                     {640, 320, 1, 1},
			"cond_stage_model.transformer.text_model.encoder.layers.11.layer_norm2.weight":      {768},
		}},
		{singlefile.V2, 686 + 248 + 12*24 + 6, m{
			"model.diffusion_model.input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight": {320, 1024},
			"model.diffusion_model.input_blocks.1.1.proj_in.weight":                         {320, 320},
			"cond_stage_model.model.transformer.resblocks.23.attn.in_proj_weight":           {3072, 1024},
			"cond_stage_model.model.token_embedding.weight":                                 {49408, 1024},
			"cond_stage_model.model.text_projection":                                        {1024, 1024},
		}},
		{singlefile.XL, 1680 + 248 + 197 + 12*32 + 6, m{
			"conditioner.embedders.1.model.transformer.resblocks.31.attn.in_proj_weight":     {3840, 1280},
			"conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias":          {1280},
			"conditioner.embedders.1.model.text_projection":                                  {1280, 1280},
			"model.diffusion_model.input_blocks.8.1.transformer_blocks.9.attn2.to_k.weight":  {1280, 2048},
			"model.diffusion_model.output_blocks.2.2.conv.weight":                            {1280, 1280, 3, 3},
			"model.diffusion_model.output_blocks.8.0.skip_connection.weight":                 {320, 640, 1, 1},
			"model.diffusion_model.label_emb.0.0.weight":                                     {1280, 2816},
			"model.diffusion_model.middle_block.1.transformer_blocks.9.attn1.to_q.weight":    {1280, 1280},
			"conditioner.embedders.0.transformer.text_model.embeddings.position_ids":         {1, 77},
			"model.diffusion_model.input_blocks.6.0.op.weight":                               {640, 640, 3, 3},
			"model.diffusion_model.output_blocks.5.1.transformer_blocks.1.ff.net.2.weight":   {640, 2560},
			"conditioner.embedders.0.transformer.text_model.encoder.layers.10.mlp.fc2.bias":  {768},
			"first_stage_model.decoder.conv_out.weight":                                      {3, 128, 3, 3},
			"conditioner.embedders.1.model.ln_final.weight":                                  {1280},
			"conditioner.embedders.1.model.positional_embedding":                             {77, 1280},
			"conditioner.embedders.1.model.transformer.resblocks.0.ln_1.weight":              {1280},
			"conditioner.embedders.1.model.transformer.resblocks.0.attn.out_proj.weight":     {1280, 1280},
			"model.diffusion_model.output_blocks.0.1.transformer_blocks.0.attn2.to_v.weight": {1280, 2048},
		}},
	} {
		shapes := publishedShapes(t, c.variant)
		require.Len(t, shapes, c.n, c.variant)
		for name, shape := range c.known {
			require.Equal(t, shape, shapes[name], "%s: %s", c.variant, name)
		}
		requireVariant(t, c.variant, shapes, nil)
	}
}

// requireVariant infers the variant of a file of the shapes, and requires that its parts are the parameters of the
// networks, of their shapes.
func requireVariant(t *testing.T, want singlefile.Variant, shapes map[string][]int, metadata map[string]string) {
	f := emptyFile(t, shapes, metadata)
	v, err := singlefile.Infer(f)
	require.NoError(t, err)
	require.Equal(t, want, v)
	c, err := v.Configs()
	require.NoError(t, err)
	parts, err := singlefile.Parts(f, c)
	require.NoError(t, err)
	nets := graphs(t, c)
	require.Equal(t, slices.Sorted(maps.Keys(nets)), slices.Sorted(maps.Keys(parts)))
	for file, params := range nets {
		wanted, found := map[string][]int{}, map[string][]int{}
		for _, p := range params {
			wanted[p.Name] = p.Shape
		}
		for _, p := range parts[file] {
			found[p.Name] = p.Shape
		}
		require.Equal(t, wanted, found, "%s: %s", v, file)
		_, err := f.View(parts[file])
		require.NoError(t, err)
	}
}

// TestInferV2 tells the two of Stable Diffusion 2 apart, which have the same shapes.
func TestInferV2(t *testing.T) {
	shapes := publishedShapes(t, singlefile.V2)
	for _, c := range []struct {
		want     singlefile.Variant
		metadata map[string]string
	}{
		{singlefile.V2, nil},
		{singlefile.V2, map[string]string{"modelspec.architecture": "stable-diffusion-v2-768-v"}},
		{singlefile.V2Base, map[string]string{"modelspec.architecture": "stable-diffusion-v2-512"}},
		{singlefile.V2, map[string]string{"modelspec.prediction_type": "v"}},
		{singlefile.V2Base, map[string]string{"modelspec.prediction_type": "epsilon"}},
	} {
		requireVariant(t, c.want, shapes, c.metadata)
	}
}
