package pipeline

import (
	"fmt"
	"path/filepath"
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

// fitLoRAs refuses a LoRA for the second text encoder of a model that has one.
func fitLoRAs(uses []model.LoRAUse, xl bool) error {
	for _, u := range uses {
		if keys := u.LoRA.Keys(model.PartTextEncoder2); len(keys) > 0 && !xl {
			return &model.LoRAError{File: u.LoRA.File(), Keys: keys,
				Detail: "changes a second text encoder, which the model has not: want a LoRA of the same sort of model"}
		}
	}
	return nil
}

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
