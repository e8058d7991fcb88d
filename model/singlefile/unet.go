package singlefile

import (
	"strconv"
	"strings"
)

// resnetNames are the layers of a residual block.
var resnetNames = map[string]string{"in_layers.0": "norm1", "in_layers.2": "conv1", "emb_layers.1": "time_emb_proj",
	"out_layers.0": "norm2", "out_layers.3": "conv2", "skip_connection": "conv_shortcut"}

// unetNames are the layers outside the blocks.
var unetNames = map[string]string{"time_embed.0": "time_embedding.linear_1", "time_embed.2": "time_embedding.linear_2",
	"input_blocks.0.0": "conv_in", "out.0": "conv_norm_out", "out.2": "conv_out"}

// additionNames are those of XL's second embedding.
var additionNames = map[string]string{"label_emb.0.0": "add_embedding.linear_1", "label_emb.0.2": "add_embedding.linear_2"}

// unet returns diffusers' name of a tensor of the U-Net, without its prefix; "" for one that it does not have.
//
// The original network numbers its blocks from input to output, a block being a residual block with what
// follows it, or a change of size; diffusers numbers them within levels of layers blocks and one of that.
func (s sizes) unet(name string) string {
	layer, kind, ok := cutKind(name)
	if !ok {
		return ""
	}
	if n := unetNames[layer]; n != "" {
		return n + kind
	}
	if n := additionNames[layer]; n != "" && s.addition {
		return n + kind
	}
	block, rest, _ := strings.Cut(layer, ".")
	i, rest, ok := cutNumber(rest)
	if !ok {
		return ""
	}
	var to string
	switch block {
	case "input_blocks":
		if i > 0 {
			to = s.down(i-1, rest)
		}
	case "middle_block":
		to = middle(i, rest)
	case "output_blocks":
		to = s.up(i, rest)
	}
	if to == "" {
		return ""
	}
	return to + kind
}

func (s sizes) down(i int, rest string) string {
	level, j := strconv.Itoa(i/(s.layers+1)), i%(s.layers+1)
	if j == s.layers {
		if rest == "0.op" {
			return "down_blocks." + level + ".downsamplers.0.conv"
		}
		return ""
	}
	return inBlock("down_blocks."+level, j, rest)
}

func (s sizes) up(i int, rest string) string {
	level, j := strconv.Itoa(i/(s.layers+1)), i%(s.layers+1)
	if rest == "1.conv" || rest == "2.conv" {
		return "up_blocks." + level + ".upsamplers.0.conv"
	}
	return inBlock("up_blocks."+level, j, rest)
}

func middle(i int, rest string) string {
	switch i {
	case 0:
		return inBlock("mid_block", 0, "0."+rest)
	case 1:
		return inBlock("mid_block", 0, "1."+rest)
	case 2:
		return inBlock("mid_block", 1, "0."+rest)
	}
	return ""
}

// inBlock names a layer of a residual block (0) or of a transformer (1), whose layers are called the same.
func inBlock(block string, j int, rest string) string {
	which, layer, _ := strings.Cut(rest, ".")
	at := "." + strconv.Itoa(j) + "."
	switch {
	case which == "0" && resnetNames[layer] != "":
		return block + ".resnets" + at + resnetNames[layer]
	case which == "1" && (layer == "norm" || layer == "proj_in" || layer == "proj_out" ||
		strings.HasPrefix(layer, "transformer_blocks.")):
		return block + ".attentions" + at + layer
	}
	return ""
}

// cutKind cuts ".weight" or ".bias" off.
func cutKind(name string) (layer, kind string, ok bool) {
	for _, kind := range []string{".weight", ".bias"} {
		if layer, ok := strings.CutSuffix(name, kind); ok {
			return layer, kind, true
		}
	}
	return "", "", false
}

// cutNumber reads a number in its shortest form, and what follows the dot after it.
func cutNumber(s string) (n int, rest string, ok bool) {
	digits, rest, _ := strings.Cut(s, ".")
	n, err := strconv.Atoi(digits)
	return n, rest, err == nil && n >= 0 && n < 1<<16 && strconv.Itoa(n) == digits
}
