package singlefile

import (
	"strconv"
	"strings"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

const vaePrefix = "first_stage_model."

// attentionNames are the layers of the autoencoder's attention.
var attentionNames = map[string]string{"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}

// vae returns diffusers' name of a tensor of the autoencoder, without its prefix; "" for one that it does not
// have. The decoder's levels are numbered the other way round.
func (s sizes) vae(name string) string {
	layer, kind, ok := cutKind(name)
	if !ok {
		return ""
	}
	half, rest, _ := strings.Cut(layer, ".")
	if half == "quant_conv" || half == "post_quant_conv" {
		return name
	}
	if half != "encoder" && half != "decoder" {
		return ""
	}
	switch rest {
	case "conv_in", "conv_out":
		return name
	case "norm_out":
		return half + ".conv_norm_out" + kind
	}
	if to := s.vaeBlock(half, rest); to != "" {
		return half + "." + to + kind
	}
	return ""
}

// vaeBlock names a layer of a block, "down.0.block.1.norm1" and the like.
func (s sizes) vaeBlock(half, layer string) string {
	block, rest, _ := strings.Cut(layer, ".")
	if block == "mid" {
		part, layer, _ := strings.Cut(rest, ".")
		switch {
		case part == "attn_1" && attentionNames[layer] != "":
			return "mid_block.attentions.0." + attentionNames[layer]
		case part == "block_1":
			return vaeResnet("mid_block", 0, layer)
		case part == "block_2":
			return vaeResnet("mid_block", 1, layer)
		}
		return ""
	}
	level, rest, ok := cutNumber(rest)
	if !ok || level >= s.levels || (block == "down") != (half == "encoder") || block != "down" && block != "up" {
		return ""
	}
	if block == "up" {
		level = s.levels - 1 - level
	}
	to := block + "_blocks." + strconv.Itoa(level)
	if rest == block+"sample.conv" {
		return to + "." + block + "samplers.0.conv"
	}
	rest, ok = strings.CutPrefix(rest, "block.")
	j, layer, number := cutNumber(rest)
	if !ok || !number {
		return ""
	}
	return vaeResnet(to, j, layer)
}

func vaeResnet(block string, j int, layer string) string {
	switch layer {
	case "nin_shortcut":
		layer = "conv_shortcut"
	case "norm1", "conv1", "norm2", "conv2":
	default:
		return ""
	}
	return block + ".resnets." + strconv.Itoa(j) + "." + layer
}

// vaePart is a tensor of the autoencoder: the attention's 1x1 convolutions are matrices in diffusers.
func vaePart(name string, t safetensors.Tensor) safetensors.Part {
	p := safetensors.Part{Name: name, Tensor: t.Name, Shape: t.Shape}
	if strings.Contains(name, ".attentions.") && len(t.Shape) > 2 {
		flat := true
		for _, n := range t.Shape[2:] {
			flat = flat && n == 1
		}
		if flat {
			p.Shape = t.Shape[:2]
		}
	}
	return p
}
