package pipeline

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cudiffuse/cudiffuse/model"
)

// LoRA is a safetensors file of low-rank changes, which [OpenText] merges into the weights of the denoiser
// and of the text encoders (Hu et al., 2021, arXiv:2106.09685). Unlike the model's own it may be any file.
type LoRA struct {
	File     string
	Strength float64 // 1 as it was trained; 0 leaves the model as it is
}

// maxLoRAs bounds the files of one model.
const maxLoRAs = 64

// openLoRAs opens the files of a text-to-image model.
func openLoRAs(files []LoRA) ([]model.LoRAUse, error) {
	if len(files) > maxLoRAs {
		return nil, &RequestError{Field: "LoRAs", Value: len(files), Want: fmt.Sprintf("at most %d", maxLoRAs)}
	}
	var uses []model.LoRAUse
	for _, f := range files {
		l, err := model.OpenLoRA(f.File)
		if err != nil {
			return nil, &OpenError{Path: f.File, Err: err}
		}
		uses = append(uses, model.LoRAUse{LoRA: l, Strength: f.Strength})
	}
	return uses, nil
}

// fitLoRAs refuses LoRAs that change other parts than a model has.
func fitLoRAs(uses []model.LoRAUse, parts ...string) error {
	for _, u := range uses {
		for _, part := range u.LoRA.Parts() {
			if !slices.Contains(parts, part) {
				return &model.LoRAError{File: u.LoRA.File(), Keys: u.LoRA.Keys(part),
					Detail: fmt.Sprintf("changes %s, which the model has not: want a LoRA of the same sort of model", partNames[part])}
			}
		}
	}
	return nil
}

// partNames are the parts of models for a reader.
var partNames = map[string]string{model.PartUNet: "a U-Net", model.PartTransformer: "a transformer", model.PartTextEncoder: "a text encoder",
	model.PartTextEncoder2: "a second text encoder", model.PartTextEncoder3: "a third text encoder", model.PartT5: "T5"}

// noLoRAs refuses LoRAs for models that are not text-to-image.
func noLoRAs(o Options) error {
	if len(o.LoRAs) == 0 {
		return nil
	}
	return &RequestError{Field: "LoRAs", Value: len(o.LoRAs), Want: "none, or a text-to-image model"}
}

// loraNames are the LoRAs as the parameters name them: file:strength, without the folder.
func loraNames(files []LoRA) string {
	names := make([]string, len(files))
	for i, f := range files {
		names[i] = filepath.Base(f.File) + ":" + formatNumber(f.Strength)
	}
	return strings.Join(names, " ")
}
