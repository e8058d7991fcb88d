package model

import "strings"

// Parts of a pipeline that a LoRA may change, as diffusers names their folders; and PartT5, the T5 of files that call it
// by its name: the folder is text_encoder_2 with FLUX.1, and text_encoder_3 with Stable Diffusion 3.
const (
	PartUNet         = "unet"
	PartTransformer  = "transformer"
	PartTextEncoder  = "text_encoder"
	PartTextEncoder2 = "text_encoder_2"
	PartTextEncoder3 = "text_encoder_3"
	PartT5           = "t5"
)

// loraParts are all of them.
var loraParts = []string{PartUNet, PartTransformer, PartTextEncoder, PartTextEncoder2, PartTextEncoder3, PartT5}

// loraRole is what a tensor of a LoRA file is to its layer.
type loraRole int

const (
	loraDown loraRole = iota
	loraUp
	loraAlpha
	loraRoles
)

// loraSuffixes are the ends of the keys. In order: peft, kohya, diffusers' linear layers
// of text encoders, diffusers' layers, diffusers' attention processors, alphas.
var loraSuffixes = []struct {
	end  string
	role loraRole
}{
	{".lora_A.weight", loraDown}, {".lora_B.weight", loraUp},
	{".lora_down.weight", loraDown}, {".lora_up.weight", loraUp},
	{".lora_linear_layer.down.weight", loraDown}, {".lora_linear_layer.up.weight", loraUp},
	{".lora.down.weight", loraDown}, {".lora.up.weight", loraUp},
	{"_lora.down.weight", loraDown}, {"_lora.up.weight", loraUp},
	{".alpha", loraAlpha},
}

// loraPrefixes are the beginnings of the keys, and the part that they mean: kohya's, whose
// names have no dots; diffusers'; and ComfyUI's.
var loraPrefixes = []struct{ start, part string }{
	{"lora_unet_", PartUNet}, {"lora_te_", PartTextEncoder}, {"lora_te1_", PartTextEncoder},
	{"lora_te2_", PartTextEncoder2}, {"lora_te3_", PartT5}, {"lora_transformer_", PartTransformer},
	{"unet.", PartUNet}, {"text_encoder.", PartTextEncoder}, {"text_encoder_2.", PartTextEncoder2},
	{"text_encoder_3.", PartTextEncoder3}, {"transformer.", PartTransformer},
	{"text_encoders.clip_l.transformer.", PartTextEncoder}, {"text_encoders.clip_g.transformer.", PartTextEncoder2},
	{"text_encoders.t5xxl.transformer.", PartT5},
}

// loraBare are the first words of layers in keys that name no part.
var loraBare = []struct{ start, part string }{
	{"down_blocks.", PartUNet}, {"mid_block.", PartUNet}, {"up_blocks.", PartUNet},
	{"conv_in", PartUNet}, {"conv_out", PartUNet}, {"time_embedding.", PartUNet},
	{"add_embedding.", PartUNet}, {"text_model.", PartTextEncoder},
	{"transformer_blocks.", PartTransformer}, {"single_transformer_blocks.", PartTransformer},
	{"x_embedder.", PartTransformer}, {"context_embedder.", PartTransformer}, {"time_text_embed.", PartTransformer},
	{"norm_out.", PartTransformer}, {"proj_out.", PartTransformer}, {"pos_embed.", PartTransformer},
}

// loraRefused are words of the keys of methods that are not LoRA, or not plain LoRA.
var loraRefused = []struct{ word, method string }{
	{"dora_scale", "DoRA"}, {"lora_magnitude_vector", "DoRA"},
	{"hada_w", "LoHa"}, {"lokr_w", "LoKr"}, {"lora_mid", "LoCon with a Tucker core"},
	{"oft_", "OFT"}, {".diff", "weights given as a full difference"},
	{"lora_B.bias", "LoRA with biases"}, {"lora_embedding_", "LoRA of an embedding"},
}

// refusedMethod names the method of a key that cannot be merged, "" if it is not known.
func refusedMethod(key string) string {
	for _, r := range loraRefused {
		if strings.Contains(key, r.word) {
			return r.method
		}
	}
	return ""
}

// parseLoRAKey splits the key of a tensor into its part, its layer (with the dots that the
// key has) and its role. The forms are those that diffusers reads
// (loaders/lora_conversion_utils.py, utils/state_dict_utils.py).
func parseLoRAKey(key string) (part, layer string, role loraRole, ok bool) {
	for _, s := range loraSuffixes {
		if rest, found := strings.CutSuffix(key, s.end); found {
			part, layer = splitLoRAPart(rest)
			return part, modernLayer(part, layer), s.role, part != "" && layer != ""
		}
	}
	return "", "", 0, false
}

func splitLoRAPart(name string) (part, layer string) {
	name = strings.TrimPrefix(name, "base_model.model.")
	if layer := bflLayer(name); layer != "" {
		return PartTransformer, layer
	}
	for _, p := range loraPrefixes {
		if rest, ok := strings.CutPrefix(name, p.start); ok {
			return p.part, strings.TrimPrefix(rest, "base_model.model.")
		}
	}
	for _, p := range loraBare {
		if strings.HasPrefix(name+".", p.start) {
			return p.part, name
		}
	}
	return "", ""
}

// textNames are diffusers' old names of the projections of CLIP's attention.
var textNames = map[string]string{"to_q": "q_proj", "to_k": "k_proj", "to_v": "v_proj", "to_out": "out_proj"}

// modernLayer takes the names of diffusers' attention processors to those of the layers.
func modernLayer(part, layer string) string {
	layer = strings.ReplaceAll(layer, ".processor.", ".")
	layer = strings.TrimSuffix(layer, "_lora") // of an alpha
	i := strings.LastIndexByte(layer, '.') + 1
	network := part == PartUNet || part == PartTransformer
	switch last := layer[i:]; {
	case network && last == "to_out":
		return layer + ".0"
	case !network && textNames[last] != "":
		return layer[:i] + textNames[last]
	}
	return layer
}

// flat is the name of a layer as kohya writes it. Layers are looked up by it, since the
// dots cannot be had back.
func flat(layer string) string { return strings.ReplaceAll(layer, ".", "_") }
