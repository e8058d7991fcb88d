package singlefile

import (
	"embed"
	"encoding/json"
	"fmt"
)

// Configs are the small JSON files of a diffusers folder by their path, for example "unet/config.json".
type Configs map[string]json.RawMessage

// published are the configurations of the published models: stable-diffusion-v1-5, stable-diffusion-2-1,
// stable-diffusion-2-1-base and stable-diffusion-xl-base-1.0. The tokenizers' are without added_tokens_decoder,
// which repeats the vocabulary.
//
//go:embed configs/*.json
var published embed.FS

// Configs returns the configurations of the published model, a copy.
func (v Variant) Configs() (Configs, error) {
	b, err := published.ReadFile("configs/" + string(v) + ".json")
	if err != nil {
		return nil, fmt.Errorf("variant %.40q: want %s", string(v), variantNames())
	}
	var c Configs
	if err := json.Unmarshal(b, &c); err != nil {
		return nil, fmt.Errorf("configs/%s.json: %w", v, err)
	}
	return c, nil
}

// set changes keys of a JSON object.
func (c Configs) set(file string, keys map[string]any) error {
	m := map[string]json.RawMessage{}
	if err := json.Unmarshal(c[file], &m); err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	for k, v := range keys {
		b, err := json.Marshal(v)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", file, k, err)
		}
		m[k] = b
	}
	b, err := json.Marshal(m)
	c[file] = b
	return err
}

// sizes are the keys that names depend on.
type sizes struct {
	layers   int // of a level of the U-Net
	levels   int // of the autoencoder
	encoders []int
	addition bool // the U-Net takes sizes and a pooled text
}

// sizes reads what the names of tensors depend on.
func (c Configs) sizes() (s sizes, err error) {
	var u struct {
		Layers   *int   `json:"layers_per_block"`
		Addition string `json:"addition_embed_type"`
	}
	var v struct {
		Levels []string `json:"up_block_types"`
	}
	if err := json.Unmarshal(c["unet/config.json"], &u); err != nil || u.Layers == nil || *u.Layers < 1 {
		return s, fmt.Errorf("unet/config.json: want layers_per_block, a positive number")
	}
	if err := json.Unmarshal(c["vae/config.json"], &v); err != nil || len(v.Levels) == 0 {
		return s, fmt.Errorf("vae/config.json: want up_block_types, a list")
	}
	s.layers, s.levels, s.addition = *u.Layers, len(v.Levels), u.Addition == "text_time"
	for _, part := range []string{"text_encoder", "text_encoder_2"} {
		b, ok := c[part+"/config.json"]
		if !ok {
			break
		}
		var t struct {
			Layers int `json:"num_hidden_layers"`
		}
		if err := json.Unmarshal(b, &t); err != nil || t.Layers < 1 {
			return s, fmt.Errorf("%s/config.json: want num_hidden_layers, a positive number", part)
		}
		s.encoders = append(s.encoders, t.Layers)
	}
	return s, nil
}
