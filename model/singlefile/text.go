package singlefile

import (
	"strconv"
	"strings"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

// textSource is where a file holds a text encoder.
type textSource struct {
	prefix string
	open   bool // in OpenCLIP's layout
	cut    bool // blocks past those of the configuration are left out, and the projection
}

// textSources are the layouts of each number of text encoders, in their order. Stable Diffusion 2 attends to
// the hidden states before OpenCLIP's last block, which diffusers' configuration does not have.
var textSources = map[int][][]textSource{
	1: {{{prefix: "cond_stage_model.transformer."}}, {{prefix: "cond_stage_model.model.", open: true, cut: true}}},
	2: {{{prefix: "conditioner.embedders.0.transformer."}, {prefix: "conditioner.embedders.1.model.", open: true}}},
}

// openNames are the layers of OpenCLIP outside its blocks, and openBlock those in one.
var (
	openNames = map[string]string{
		"positional_embedding":   "text_model.embeddings.position_embedding.weight",
		"token_embedding.weight": "text_model.embeddings.token_embedding.weight",
		"ln_final.weight":        "text_model.final_layer_norm.weight",
		"ln_final.bias":          "text_model.final_layer_norm.bias",
	}
	openBlock = map[string]string{"ln_1": "layer_norm1", "ln_2": "layer_norm2", "mlp.c_fc": "mlp.fc1", "mlp.c_proj": "mlp.fc2",
		"attn.out_proj": "self_attn.out_proj"}
	openUnused = map[string]bool{"logit_scale": true, "attn_mask": true} // of training
)

// parts are the tensors of diffusers that a tensor of the text encoder holds; name is without the prefix.
// known is false for a tensor that no text encoder has.
func (s textSource) parts(name string, t safetensors.Tensor, layers int) (parts []safetensors.Part, known bool) {
	whole := safetensors.Part{Tensor: t.Name, Shape: t.Shape}
	if !s.open {
		if name == "text_model.embeddings.position_ids" { // 0, 1, 2, ...
			return nil, true
		}
		whole.Name = name
		return []safetensors.Part{whole}, strings.HasPrefix(name, "text_model.")
	}
	if openUnused[name] || name == "text_projection" && s.cut {
		return nil, true
	}
	if name == "text_projection" {
		if len(t.Shape) != 2 {
			return nil, false
		}
		whole.Name, whole.Shape, whole.Transpose = "text_projection.weight", []int{t.Shape[1], t.Shape[0]}, true
		return []safetensors.Part{whole}, true
	}
	if whole.Name = openNames[name]; whole.Name != "" {
		return []safetensors.Part{whole}, true
	}
	rest, ok := strings.CutPrefix(name, "transformer.resblocks.")
	i, layer, number := cutNumber(rest)
	if !ok || !number {
		return nil, false
	}
	if i >= layers && s.cut {
		return nil, true
	}
	block := "text_model.encoder.layers." + strconv.Itoa(i) + "."
	if kind, ok := strings.CutPrefix(layer, "attn.in_proj_"); ok {
		return thirds(block+"self_attn.", kind, t)
	}
	layer, kind, ok := cutKind(layer)
	if !ok || openBlock[layer] == "" {
		return nil, false
	}
	whole.Name = block + openBlock[layer] + kind
	return []safetensors.Part{whole}, true
}

// thirds are query, key and value, which OpenCLIP keeps in one tensor.
func thirds(attention, kind string, t safetensors.Tensor) ([]safetensors.Part, bool) {
	if kind != "weight" && kind != "bias" || len(t.Shape) == 0 || t.Shape[0]%3 != 0 {
		return nil, false
	}
	var parts []safetensors.Part
	for i, which := range []string{"q_proj.", "k_proj.", "v_proj."} {
		shape := append([]int{t.Shape[0] / 3}, t.Shape[1:]...)
		parts = append(parts, safetensors.Part{Name: attention + which + kind, Tensor: t.Name, Shape: shape,
			First: i * (t.Elems() / 3)})
	}
	return parts, true
}
