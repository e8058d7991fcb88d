package model

import (
	"slices"
	"strconv"
	"strings"
)

// Names of the layers of FLUX.1 in the network of Black Forest Labs, which files that kohya and ComfyUI
// made have (diffusers, loaders/lora_conversion_utils.py, _convert_kohya_flux_lora_to_diffusers). Some
// of its layers hold several of diffusers', whose rows follow one another.
var (
	bflBlocks = []struct{ start, block string }{
		{"transformer_blocks.", "double_blocks_"}, {"single_transformer_blocks.", "single_blocks_"}}
	bflLayers = map[string][]string{ // of a block
		"double_blocks_img_attn_qkv":   {"attn.to_q", "attn.to_k", "attn.to_v"},
		"double_blocks_img_attn_proj":  {"attn.to_out.0"},
		"double_blocks_img_mlp_0":      {"ff.net.0.proj"},
		"double_blocks_img_mlp_2":      {"ff.net.2"},
		"double_blocks_img_mod_lin":    {"norm1.linear"},
		"double_blocks_txt_attn_qkv":   {"attn.add_q_proj", "attn.add_k_proj", "attn.add_v_proj"},
		"double_blocks_txt_attn_proj":  {"attn.to_add_out"},
		"double_blocks_txt_mlp_0":      {"ff_context.net.0.proj"},
		"double_blocks_txt_mlp_2":      {"ff_context.net.2"},
		"double_blocks_txt_mod_lin":    {"norm1_context.linear"},
		"single_blocks_linear1":        {"attn.to_q", "attn.to_k", "attn.to_v", "proj_mlp"},
		"single_blocks_linear2":        {"proj_out"},
		"single_blocks_modulation_lin": {"norm.linear"},
	}
	bflOutside = map[string]string{"img_in": "x_embedder", "txt_in": "context_embedder",
		"time_in_in_layer":      "time_text_embed.timestep_embedder.linear_1",
		"time_in_out_layer":     "time_text_embed.timestep_embedder.linear_2",
		"vector_in_in_layer":    "time_text_embed.text_embedder.linear_1",
		"vector_in_out_layer":   "time_text_embed.text_embedder.linear_2",
		"guidance_in_in_layer":  "time_text_embed.guidance_embedder.linear_1",
		"guidance_in_out_layer": "time_text_embed.guidance_embedder.linear_2",
		"final_layer_linear":    "proj_out",
		bflLastNorm:             "norm_out.linear"}
)

// bflLastNorm has the shift before the scale; diffusers has the scale first.
const bflLastNorm = "final_layer_adaLN_modulation_1"

// bflLayer is the layer that a key of a file means if it is one of the original FLUX.1, which kohya calls
// a U-Net and ComfyUI a diffusion model; "" if it is another.
func bflLayer(name string) string {
	layer := strings.TrimPrefix(strings.TrimPrefix(name, "lora_unet_"), "diffusion_model.")
	for _, start := range []string{"double_blocks_", "single_blocks_", "img_in", "txt_in", "time_in_", "vector_in_",
		"guidance_in_", "final_layer_"} {
		if strings.HasPrefix(flat(layer), start) {
			return layer
		}
	}
	return ""
}

// addBFLTargets adds the names of the original FLUX.1 to the targets of its layers in diffusers' names. Those of Stable
// Diffusion 3, some of which are the same, are of another network: it has no x_embedder.
func addBFLTargets(targets map[string][]loraTarget, layers []string) {
	if targets["x_embedder"] == nil {
		return
	}
	blocks := map[string]string{} // diffusers' name with the dot at its end, to the original one
	for _, layer := range layers {
		for _, b := range bflBlocks {
			number, _, inner := strings.Cut(strings.TrimPrefix(layer, b.start), ".")
			if _, err := strconv.Atoi(number); err == nil && inner && strings.HasPrefix(layer, b.start) {
				blocks[b.start+number+"."] = b.block + number + "_"
			}
		}
	}
	for block, name := range blocks {
		kind := name[:strings.LastIndexByte(strings.TrimSuffix(name, "_"), '_')+1]
		for inner, parts := range bflLayers {
			if rest, ok := strings.CutPrefix(inner, kind); ok {
				addFused(targets, name+rest, block, parts)
			}
		}
	}
	for name, layer := range bflOutside {
		addFused(targets, name, "", []string{layer})
	}
	if t := targets[bflLastNorm]; len(t) == 1 && t[0].rows%2 == 0 {
		half := t[0].rows / 2
		targets[bflLastNorm] = []loraTarget{{param: t[0].param, to: half, rows: half},
			{param: t[0].param, from: half, rows: half}}
	}
}

// addFused adds a layer whose rows are those of parts, one after the other, if the network has them all.
func addFused(targets map[string][]loraTarget, name, block string, parts []string) {
	var all []loraTarget
	from := 0
	for _, part := range parts {
		t := targets[flat(block+part)]
		if len(t) != 1 {
			return
		}
		all = append(all, loraTarget{param: t[0].param, from: from, rows: t[0].rows})
		from += t[0].rows
	}
	targets[name] = slices.Clip(all)
}
