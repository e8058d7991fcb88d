package main

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// parseLoRAs reads the values of --lora, FILE or FILE:STRENGTH. What follows the last colon belongs to the
// name where there is a file of the whole name, or where it has a slash, as after a drive's letter.
func parseLoRAs(values []string) ([]pipeline.LoRA, error) {
	var out []pipeline.LoRA
	for _, v := range values {
		l := pipeline.LoRA{File: v, Strength: 1}
		i := strings.LastIndexByte(v, ':')
		if _, err := os.Stat(v); err != nil && i >= 0 && !strings.ContainsAny(v[i:], `/\`) {
			s, err := strconv.ParseFloat(v[i+1:], 64)
			if err != nil || math.IsNaN(s) || math.IsInf(s, 0) {
				return nil, fmt.Errorf("--lora %s: strength %q: want a finite number", v, v[i+1:])
			}
			l = pipeline.LoRA{File: v[:i], Strength: s}
		}
		if l.File == "" {
			return nil, fmt.Errorf("--lora %q: want a file", v)
		}
		out = append(out, l)
	}
	return out, nil
}
