package singlefile

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

// Weights of the parts in diffusers' folder.
const (
	unetWeights = "unet/diffusion_pytorch_model.safetensors"
	vaeWeights  = "vae/diffusion_pytorch_model.safetensors"
)

func textWeights(i int) string {
	if i == 0 {
		return "text_encoder/model.safetensors"
	}
	return "text_encoder_" + strconv.Itoa(i+1) + "/model.safetensors"
}

// Parts returns which tensors of a file the weights of a diffusers folder consist of, by the path of the
// weights. Tensors of other parts, such as the averages of training, are left out; a tensor of a part whose
// name is not known is an [ErrLayout], a part without any tensor an [ErrMissing]. Whether all are there, and
// of the right shapes, shows when the part is opened.
func Parts(f *safetensors.File, c Configs) (map[string][]safetensors.Part, error) {
	s, err := c.sizes()
	if err != nil {
		return nil, &Error{File: f.Name(), Detail: err.Error(), Err: ErrLayout}
	}
	texts, err := findTexts(f, len(s.encoders))
	if err != nil {
		return nil, err
	}
	out := map[string][]safetensors.Part{}
	for _, t := range f.Tensors() {
		file, parts, known := s.place(t, texts)
		if !known {
			return nil, &Error{File: f.Name(), Tensor: t.Name, Err: ErrLayout,
				Detail: fmt.Sprintf("of shape %v is none of the model's", t.Shape)}
		}
		if len(parts) > 0 {
			out[file] = append(out[file], parts...)
		}
	}
	for _, p := range []struct{ file, what, prefix string }{
		{unetWeights, "network", unetPrefix}, {vaeWeights, "autoencoder", vaePrefix}} {
		if len(out[p.file]) == 0 {
			return nil, missing(f, p.what, p.prefix)
		}
	}
	return out, nil
}

// place tells which tensors of which part a tensor holds.
func (s sizes) place(t safetensors.Tensor, texts []textSource) (file string, parts []safetensors.Part, known bool) {
	if name, ok := strings.CutPrefix(t.Name, unetPrefix); ok {
		to := s.unet(name)
		return unetWeights, []safetensors.Part{{Name: to, Tensor: t.Name, Shape: t.Shape}}, to != ""
	}
	if name, ok := strings.CutPrefix(t.Name, vaePrefix); ok {
		if strings.HasPrefix(name, "loss.") || strings.HasPrefix(name, "model_ema.") { // of training
			return vaeWeights, nil, true
		}
		to := s.vae(name)
		return vaeWeights, []safetensors.Part{vaePart(to, t)}, to != ""
	}
	for i, source := range texts {
		if name, ok := strings.CutPrefix(t.Name, source.prefix); ok {
			parts, known := source.parts(name, t, s.encoders[i])
			return textWeights(i), parts, known
		}
	}
	return "", nil, true
}

// findTexts tells where the text encoders are.
func findTexts(f *safetensors.File, n int) ([]textSource, error) {
	layouts := textSources[n]
	has := func(prefix string) bool {
		for _, t := range f.Tensors() {
			if strings.HasPrefix(t.Name, prefix) {
				return true
			}
		}
		return false
	}
	for _, layout := range layouts {
		if has(layout[0].prefix) {
			for _, s := range layout[1:] {
				if !has(s.prefix) {
					return nil, missing(f, "second text encoder", s.prefix)
				}
			}
			return layout, nil
		}
	}
	if len(layouts) == 0 {
		return nil, &Error{File: f.Name(), Detail: fmt.Sprintf("%d text encoders: want one or two", n), Err: ErrLayout}
	}
	var prefixes []string
	for _, l := range layouts {
		prefixes = append(prefixes, l[0].prefix)
	}
	return nil, missing(f, "text encoder", strings.Join(prefixes, "... or "))
}

func missing(f *safetensors.File, what, prefix string) error {
	return &Error{File: f.Name(), Err: ErrMissing,
		Detail: fmt.Sprintf("no %s (tensors %s...): want a whole model in one file", what, prefix)}
}

// clip shortens text from a file for a message, and quotes it.
func clip(s string) string {
	if len(s) > 100 {
		return strconv.Quote(s[:100]) + "..."
	}
	return strconv.Quote(s)
}
