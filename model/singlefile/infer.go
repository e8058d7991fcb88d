package singlefile

import (
	"fmt"
	"strings"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

// Variant is a published model that others share their configurations with.
type Variant string

// The variants.
const (
	V1     Variant = "v1"      // Stable Diffusion 1.x
	V2     Variant = "v2"      // 2.0 and 2.1 for 768 pixels, which predict v
	V2Base Variant = "v2-base" // 2.0 and 2.1 for 512 pixels, which predict the noise
	XL     Variant = "xl"      // Stable Diffusion XL
)

// Variants lists them.
func Variants() []Variant { return []Variant{V1, V2, V2Base, XL} }

func variantNames() string {
	var names []string
	for _, v := range Variants() {
		names = append(names, string(v))
	}
	return strings.Join(names, ", ")
}

// The names that tell layouts apart (single_file_utils.py, CHECKPOINT_KEY_NAMES).
const (
	unetPrefix = "model.diffusion_model."
	convIn     = unetPrefix + "input_blocks.0.0.weight"
	crossKey   = unetPrefix + "input_blocks.2.1.transformer_blocks.0.attn2.to_k.weight"
	xlKey      = "conditioner.embedders.1.model.transformer.resblocks.9.mlp.c_proj.bias"
	refinerKey = "conditioner.embedders.0.model.transformer.resblocks.9.mlp.c_proj.bias"
	v2Context  = 1024
	baseSteps  = 875000 // global_step of 2.0-base, which diffusers goes by (_legacy_load_scheduler)
)

// others are models that are something else, by a name they have.
var others = []struct{ tensor, is string }{
	{unetPrefix + "double_blocks.0.img_attn.norm.key_norm.scale", "FLUX"},
	{"double_blocks.0.img_attn.norm.key_norm.scale", "FLUX"},
	{unetPrefix + "joint_blocks.0.context_block.adaLN_modulation.1.bias", "Stable Diffusion 3"},
	{"control_model.time_embed.0.weight", "a ControlNet"},
	{"edm_mean", "Playground 2.5"},
	{refinerKey, "the refiner of Stable Diffusion XL"},
}

// Infer tells the variant of a file, as infer_diffusers_model_type of single_file_utils.py does, from names and
// shapes. They are the same in 2.x for 768 and for 512 pixels: there the metadata that some files have decides
// (modelspec.architecture, modelspec.prediction_type), or the tensor global_step, and else it is [V2].
//
// Files in another layout give [ErrLayout], models of other kinds [ErrVariant].
func Infer(f *safetensors.File) (Variant, error) {
	fail := func(err error, format string, args ...any) (Variant, error) {
		return "", &Error{File: f.Name(), Detail: fmt.Sprintf(format, args...), Err: err}
	}
	const want = "want Stable Diffusion 1.x, 2.x or XL"
	for _, o := range others {
		if _, ok := f.Tensor(o.tensor); ok {
			return fail(ErrVariant, "is %s: %s", o.is, want)
		}
	}
	t, ok := f.Tensor(convIn)
	if !ok {
		return fail(ErrLayout, "%s", otherLayout(f))
	}
	if len(t.Shape) != 4 {
		return fail(ErrLayout, "%s has shape %v, want four dimensions", convIn, t.Shape)
	}
	switch t.Shape[1] {
	case 4, 9: // 9: in-painting
	case 7:
		return fail(ErrVariant, "is an upscaler, which takes 7 channels: %s", want)
	default:
		return fail(ErrVariant, "takes %d channels: %s with 4, or 9 to paint in", t.Shape[1], want)
	}
	cross, ok := f.Tensor(crossKey)
	if ok && len(cross.Shape) == 2 && cross.Shape[1] == v2Context {
		return inferV2(f, t.Shape[1] == 9), nil
	}
	if _, ok := f.Tensor(xlKey); ok {
		return XL, nil
	}
	if !ok {
		if _, label := f.Tensor(unetPrefix + "label_emb.0.0.weight"); label {
			return fail(ErrMissing, "looks like Stable Diffusion XL without its text encoders (%s...): want a whole model", "conditioner.embedders.1.model.")
		}
		return fail(ErrLayout, "no tensor %s: %s", crossKey, want)
	}
	return V1, nil
}

// inferV2 tells what 2.x predicts.
func inferV2(f *safetensors.File, inpaint bool) Variant {
	meta := f.Metadata()
	switch arch := meta["modelspec.architecture"]; {
	case inpaint, strings.HasPrefix(arch, "stable-diffusion-v2-512"), meta["modelspec.prediction_type"] == "epsilon":
		return V2Base
	case strings.HasPrefix(arch, "stable-diffusion-v2-768-v"), meta["modelspec.prediction_type"] == "v":
		return V2
	}
	if t, ok := f.Tensor("global_step"); ok && t.Elems() == 1 {
		if n, err := f.Int64s("global_step"); err == nil && n[0] == baseSteps {
			return V2Base
		}
	}
	return V2
}

// otherLayout describes a file that is not in the layout.
func otherLayout(f *safetensors.File) string {
	const want = "no tensor " + convIn + ": want a whole model in the layout of Stable Diffusion's own programs"
	for _, t := range f.Tensors() {
		switch name := t.Name; {
		case strings.HasPrefix(name, "lora_"), strings.Contains(name, ".lora_"), strings.Contains(name, ".lora."):
			return want + "; this looks like a LoRA"
		case strings.HasPrefix(name, "down_blocks."), strings.HasPrefix(name, "text_model."):
			return want + "; this looks like a part of a diffusers folder: give the folder"
		}
	}
	return want
}

// configure changes the published configurations where the file says so: in-painting, and models of XL that
// predict v, which programs mark with an empty tensor v_pred, and ztsnr for a last step of pure noise.
func configure(f *safetensors.File, v Variant, c Configs) error {
	if t, ok := f.Tensor(convIn); ok && len(t.Shape) == 4 && t.Shape[1] == 9 {
		class := "StableDiffusionInpaintPipeline"
		if v == XL {
			class = "StableDiffusionXLInpaintPipeline"
		}
		if err := c.set("model_index.json", map[string]any{"_class_name": class}); err != nil {
			return err
		}
		if err := c.set("unet/config.json", map[string]any{"in_channels": 9}); err != nil {
			return err
		}
	}
	keys := map[string]any{}
	if _, ok := f.Tensor("v_pred"); ok {
		keys["prediction_type"] = "v_prediction"
	}
	if _, ok := f.Tensor("ztsnr"); ok && v == XL {
		keys["rescale_betas_zero_snr"] = true
	}
	if len(keys) == 0 {
		return nil
	}
	return c.set("scheduler/scheduler_config.json", keys)
}
