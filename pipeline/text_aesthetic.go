package pipeline

import (
	"fmt"
	"strconv"
)

// Scores that diffusers' StableDiffusionXLImg2ImgPipeline gives a refiner, and its strength.
const (
	defaultAesthetic         = 6
	defaultNegativeAesthetic = 2.5
	refinerStrength          = 0.3
)

// maxAesthetic bounds the scores, which are from 1 to 10 in the data of the refiner.
const maxAesthetic = 100

// resolveAesthetic checks and fills in the scores of a refiner.
func (p *TextToImage) resolveAesthetic(j *textJob) error {
	for _, s := range []struct {
		field string
		v     *float64
		def   float64
	}{{"aesthetic score", &j.Aesthetic, defaultAesthetic}, {"negative aesthetic score", &j.NegativeAesthetic, defaultNegativeAesthetic}} {
		switch {
		case *s.v == 0 && p.info.Aesthetic:
			*s.v = s.def
		case *s.v == 0:
		case !p.info.Aesthetic:
			return &RequestError{Field: s.field, Value: *s.v, Want: "none: only refiners of Stable Diffusion XL take it"}
		case !(*s.v > 0 && *s.v <= maxAesthetic):
			return &RequestError{Field: s.field, Value: *s.v, Want: fmt.Sprintf("a number above 0, at most %d", maxAesthetic)}
		}
	}
	return nil
}

// sizes are what Stable Diffusion XL takes beside the text, of a refiner with a score in the place of the target, and no
// crop for the negative prompt (diffusers, StableDiffusionXLImg2ImgPipeline._get_add_time_ids).
func (p *TextToImage) sizes(j *textJob, negative bool) []float32 {
	s := []float32{float32(j.Original.Y), float32(j.Original.X), float32(j.Crop.Y), float32(j.Crop.X)}
	switch {
	case !p.info.Aesthetic:
		return append(s, float32(j.Target.Y), float32(j.Target.X))
	case negative:
		return append(s[:2], 0, 0, float32(j.NegativeAesthetic))
	}
	return append(s, float32(j.Aesthetic))
}

// rangeSettings are those of a request of a part of the noise levels, and of refiners.
func (r TextRequest) rangeSettings() (set []string) {
	for _, s := range []struct {
		key string
		v   float64
	}{{"Denoising start", r.DenoisingStart}, {"Denoising end", r.DenoisingEnd}, {"Refiner switch at", r.RefinerSwitch},
		{"Aesthetic score", r.Aesthetic}, {"Negative aesthetic score", r.NegativeAesthetic}} {
		if s.v != 0 {
			set = append(set, s.key+": "+formatNumber(s.v))
		}
	}
	return set
}

// takeRange reads them back.
func (r *TextRequest) takeRange(take func(key string, set func(v string) error)) {
	for key, dst := range map[string]*float64{"Denoising start": &r.DenoisingStart, "Denoising end": &r.DenoisingEnd,
		"Refiner switch at": &r.RefinerSwitch, "Aesthetic score": &r.Aesthetic, "Negative aesthetic score": &r.NegativeAesthetic} {
		take(key, func(v string) (err error) {
			*dst, err = strconv.ParseFloat(v, 64)
			return err
		})
	}
}
