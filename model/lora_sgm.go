package model

import (
	"fmt"
	"strconv"
	"strings"
)

// sgmNames gives the layers of a U-Net the names that they have in the network of
// Stability AI's generative-models, whose blocks are counted through. Files that kohya
// trained on Stable Diffusion XL have them.
//
//	down_blocks.i.resnets.j        input_blocks.k.0     k from 1 on, resnets and
//	down_blocks.i.attentions.j     input_blocks.k.1     downsamplers counted
//	down_blocks.i.downsamplers.0   input_blocks.k.0
//	mid_block.resnets.0 and 1      middle_block.0 and 2
//	mid_block.attentions.0         middle_block.1
//	up_blocks.i.resnets.j          output_blocks.k.0    k from 0 on, resnets counted
//	up_blocks.i.attentions.j       output_blocks.k.1
//	up_blocks.i.upsamplers.0       output_blocks.k.1    of the last resnet; .2 after attention
//
// It is the inverse of diffusers' _maybe_map_sgm_blocks_to_diffusers
// (loaders/lora_conversion_utils.py).
type sgmNames struct {
	resnets  map[string]int  // by block, e.g. down_blocks.0
	sampled  map[string]bool // blocks with a down- or upsampler
	attended map[string]bool
}

// newSGMNames counts the parts of the blocks of a network by the names of its layers.
func newSGMNames(layers []string) *sgmNames {
	s := &sgmNames{map[string]int{}, map[string]bool{}, map[string]bool{}}
	for _, name := range layers {
		block, kind, index, _, ok := splitBlock(name)
		switch {
		case !ok:
		case kind == "resnets":
			s.resnets[block] = max(s.resnets[block], index+1)
		case kind == "attentions":
			s.attended[block] = true
		default:
			s.sampled[block] = true
		}
	}
	return s
}

// splitBlock splits down_blocks.0.resnets.1.conv1 into down_blocks.0, resnets, 1, conv1.
func splitBlock(name string) (block, kind string, index int, rest string, ok bool) {
	w := strings.Split(name, ".")
	n := 2
	if w[0] == "mid_block" {
		n = 1
	}
	if len(w) < n+3 || w[0] != "mid_block" && w[0] != "down_blocks" && w[0] != "up_blocks" {
		return "", "", 0, "", false
	}
	index, err := strconv.Atoi(w[n+1])
	return strings.Join(w[:n], "."), w[n], index, strings.Join(w[n+2:], "."), err == nil
}

// sgmOutside are the layers outside the blocks.
var sgmOutside = map[string]string{"conv_in": "input_blocks.0.0", "conv_out": "out.2",
	"time_embedding.linear_1": "time_embed.0", "time_embedding.linear_2": "time_embed.2",
	"add_embedding.linear_1": "label_emb.0.0", "add_embedding.linear_2": "label_emb.0.2"}

// sgmResnet are the layers of a resnet.
var sgmResnet = map[string]string{"conv1": "in_layers.2", "conv2": "out_layers.3",
	"time_emb_proj": "emb_layers.1", "conv_shortcut": "skip_connection"}

// name is that of a layer, "" if it has none.
func (s *sgmNames) name(layer string) string {
	if n := sgmOutside[layer]; n != "" {
		return n
	}
	block, kind, index, rest, ok := splitBlock(layer)
	if !ok {
		return ""
	}
	if kind == "resnets" {
		rest = sgmResnet[rest]
	}
	inner := 0
	if kind == "attentions" {
		inner = 1
	}
	side, number, _ := strings.Cut(block, ".")
	k, _ := strconv.Atoi(number)
	switch {
	case rest == "":
		return ""
	case side == "mid_block":
		return fmt.Sprintf("middle_block.%d.%s", 2*index+inner, rest)
	case side == "down_blocks":
		if kind == "downsamplers" {
			index, rest = s.resnets[block], "op"
		}
		return fmt.Sprintf("input_blocks.%d.%d.%s", 1+s.before(side, k, true)+index, inner, rest)
	case kind == "upsamplers":
		index, inner = s.resnets[block]-1, 1
		if s.attended[block] {
			inner = 2
		}
	}
	return fmt.Sprintf("output_blocks.%d.%d.%s", s.before(side, k, false)+index, inner, rest)
}

// before counts the resnets of the blocks before the k-th, and their samplers.
func (s *sgmNames) before(side string, k int, samplers bool) int {
	n := 0
	for i := range k {
		block := side + "." + strconv.Itoa(i)
		n += s.resnets[block]
		if samplers && s.sampled[block] {
			n++
		}
	}
	return n
}
