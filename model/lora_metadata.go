package model

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// loraMetadataKey is where diffusers keeps the configuration of peft in a file, as JSON.
const loraMetadataKey = "lora_adapter_metadata"

// loraConfig is what is read of the configuration of a part. Ranks are those of the tensors.
type loraConfig struct {
	Alpha    *float64
	Patterns map[string]float64 // alphas by the end of a layer's name
	RSLoRA   bool               // the scale is alpha / sqrt(rank)
}

// loraMetadata is the configuration by part.
type loraMetadata map[string]*loraConfig

// parseLoRAMetadata reads the configuration of peft, whose keys begin with the part
// (diffusers, loaders/lora_base.py, _pack_dict_with_prefix). Other metadata is not read.
func parseLoRAMetadata(l *LoRA, metadata map[string]string) (loraMetadata, error) {
	text, ok := metadata[loraMetadataKey]
	if !ok {
		return nil, nil
	}
	wrong := func(key string, err error) error {
		return &LoRAError{File: l.file, Detail: fmt.Sprintf("metadata %s: %.80q cannot be used", loraMetadataKey, key), Err: err}
	}
	if len(text) > maxConfigBytes {
		return nil, wrong("", fmt.Errorf("has %d bytes, more than %d", len(text), maxConfigBytes))
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &all); err != nil {
		return nil, wrong("", err)
	}
	m := loraMetadata{}
	for _, part := range loraParts {
		c, dora := &loraConfig{}, false
		for key, to := range map[string]any{"lora_alpha": &c.Alpha, "alpha_pattern": &c.Patterns,
			"use_rslora": &c.RSLoRA, "use_dora": &dora} {
			if raw, ok := all[part+"."+key]; ok {
				if err := json.Unmarshal(raw, to); err != nil {
					return nil, wrong(part+"."+key, err)
				}
			}
		}
		if dora {
			return nil, l.fail("is not a plain LoRA, wanted one: DoRA is not supported", part+".use_dora")
		}
		m[part] = c
	}
	return m, nil
}

// scale is alpha / rank; without metadata alpha is the rank, as in diffusers
// (utils/peft_utils.py, get_peft_kwargs).
func (m loraMetadata) scale(l *LoRA, c *loraLayer) (float64, error) {
	config := m[c.part]
	if config == nil || config.Alpha == nil {
		return 1, nil
	}
	alpha, found := *config.Alpha, false
	for pattern, a := range config.Patterns {
		if strings.ContainsAny(pattern, `*+?()[]{}|\$`) {
			return 0, l.fail("alpha_pattern is a regular expression, wanted the name of a layer", pattern)
		}
		if !matchesPattern(c.layer, pattern) {
			continue
		}
		if found && a != alpha {
			return 0, l.fail("alpha_pattern says two things of a layer", c.key)
		}
		alpha, found = a, true
	}
	rank := float64(c.rank)
	if config.RSLoRA {
		rank = math.Sqrt(rank)
	}
	return alpha / rank, nil
}

// matchesPattern is peft's get_pattern_key: the layer ends with the pattern, or is it.
func matchesPattern(layer, pattern string) bool {
	if whole, ok := strings.CutPrefix(pattern, "^"); ok {
		return layer == whole
	}
	return layer == pattern || strings.HasSuffix(layer, "."+pattern)
}
