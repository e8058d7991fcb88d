package pipeline

import (
	"fmt"
	"image"
	"strconv"
	"strings"
)

// TextParameters is what repeats a result with the same folder, image and mask aside. Its text
// is the `parameters` convention of A1111's programs: the prompt, the negative prompt, a line of settings.
type TextParameters struct {
	TextRequest
	Model     string            // name of the folder
	Scheduler string            // TextInfo.Scheduler, written where no sampler was named
	Refiner   string            // TextInfo.Refiner; of a parsed text in Extra
	LoRAs     []LoRA            // TextInfo.LoRAs; a parsed text has them in Extra, by name and strength
	Tile      int               // side of the autoencoder's tiles in pixels, 0 without; of a parsed text in Extra
	Extra     map[string]string // settings of a parsed text that are not of a request
}

func (p *TextToImage) parameters(j *textJob) TextParameters {
	r := j.TextRequest
	r.Resume, r.Latents = nil, nil
	return TextParameters{TextRequest: r, Model: p.info.Name, Scheduler: p.info.Scheduler, Refiner: p.info.Refiner, LoRAs: p.info.LoRAs, Tile: p.vae.Tile()}
}

// oneLine writes a prompt on one line. Tokenizers take every run of white space for one space.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// negativePrompt begins the line of the negative prompt.
const negativePrompt = "Negative prompt: "

// String returns the text of the `parameters` convention.
func (p TextParameters) String() string {
	var b strings.Builder
	b.WriteString(oneLine(p.Prompt) + "\n")
	if n := oneLine(p.Negative); n != "" {
		b.WriteString(negativePrompt + n + "\n")
	}
	name := p.Sampler
	if name == "" {
		name = p.Scheduler
	}
	set := []string{"Steps: " + strconv.Itoa(p.Steps), "Sampler: " + quote(name),
		"Schedule type: " + p.Schedule.String()}
	if p.Guidance != 0 { // 0 is the model's default, so that leaving it out says the same
		set = append(set, "CFG scale: "+formatNumber(p.Guidance))
	}
	if p.TrueGuidance != 0 {
		set = append(set, "True CFG scale: "+formatNumber(p.TrueGuidance))
	}
	set = append(set, "Seed: "+strconv.FormatUint(p.Seed, 10), fmt.Sprintf("Size: %dx%d", p.Width, p.Height),
		"Model: "+quote(p.Model), "Images: "+strconv.Itoa(p.N))
	if len(p.LoRAs) > 0 {
		set = append(set, "LoRA: "+quote(loraNames(p.LoRAs)))
	}
	if p.Tile > 0 {
		set = append(set, "VAE tile: "+strconv.Itoa(p.Tile))
	}
	if p.ClipSkip > 0 {
		set = append(set, "Clip skip: "+strconv.Itoa(p.ClipSkip+1)) // A1111 counts from the last block
	}
	if p.Syntax != "" {
		set = append(set, "Prompt syntax: "+quote(p.Syntax))
	}
	if p.Strength != 0 {
		set = append(set, "Denoising strength: "+formatNumber(p.Strength))
	}
	if p.ExactSteps {
		set = append(set, "Exact steps: true")
	}
	if p.MaskBlur != 0 {
		set = append(set, "Mask blur: "+formatNumber(p.MaskBlur))
	}
	set = append(set, p.rangeSettings()...)
	if p.Refiner != "" && p.RefinerSwitch != 1 {
		set = append(set, "Refiner: "+quote(p.Refiner))
	}
	set = append(set, p.controlSettings()...)
	set = append(set, p.pagSettings()...)
	size := image.Pt(p.Width, p.Height)
	for _, s := range []struct {
		key    string
		v, def image.Point
	}{{"Original size", p.Original, size}, {"Target size", p.Target, size}, {"Crop", p.Crop, image.Point{}}} {
		if s.v != s.def && s.v != (image.Point{}) {
			set = append(set, fmt.Sprintf("%s: %dx%d", s.key, s.v.X, s.v.Y))
		}
	}
	set = append(set, Parameters{Request: Request{Spacing: p.Spacing, RNG: p.RNG, Rescale: p.Rescale, Guiding: p.Guiding, Brownian: p.Brownian,
		Params: p.Params}}.options()...)
	b.WriteString(strings.Join(append(set, "Version: cudiffuse "+Version), ", "))
	return b.String()
}

// ParseTextParameters reads the text of [TextParameters.String], or of A1111's programs: there a prompt may
// have several lines. Unknown keys go to Extra.
func ParseTextParameters(text string) (TextParameters, error) {
	var p TextParameters
	fail := func(err error) (TextParameters, error) {
		return p, &RequestError{Field: "parameters", Value: fmt.Sprintf("%.80q (%.200v)", text, err),
			Want: `prompts and a last line of settings, "Steps: …"`}
	}
	if len(text) > maxParameters {
		return p, &RequestError{Field: "parameters", Value: len(text), Want: fmt.Sprintf("at most %d bytes", maxParameters)}
	}
	prompts, settings, ok := cutLast(strings.TrimRight(text, "\r\n"), "\n")
	if !ok {
		prompts, settings = "", text
	}
	if !strings.HasPrefix(settings, "Steps: ") {
		return fail(fmt.Errorf("no settings"))
	}
	p.Prompt, p.Negative, _ = strings.Cut(prompts, "\n"+negativePrompt)
	q := Parameters{Extra: map[string]string{}}
	if err := q.settings(settings); err != nil {
		return fail(err)
	}
	p.Model, p.Extra = q.Model, q.Extra
	p.Sampler, p.Steps, p.Guidance, p.Params = q.Sampler, q.Steps, q.Guidance, q.Params
	p.Seed, p.RNG, p.Schedule, p.Spacing, p.Rescale, p.Guiding = q.Seed, q.RNG, q.Schedule, q.Spacing, q.Rescale, q.Guiding
	p.Brownian = q.Brownian
	size, err := parseSize(q.Size)
	if err != nil {
		return fail(err)
	}
	p.Width, p.Height = size.X, size.Y
	if err := p.takeExtra(); err != nil {
		return fail(err)
	}
	return p, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// parseSize reads "512x768", width first; "" is the zero size.
func parseSize(s string) (size image.Point, err error) {
	if s == "" {
		return size, nil
	}
	w, h, ok := strings.Cut(s, "x")
	if size.X, err = strconv.Atoi(w); err == nil {
		size.Y, err = strconv.Atoi(h)
	}
	if err != nil || !ok {
		return size, fmt.Errorf("size %.40q", s)
	}
	return size, nil
}

// takeExtra takes the settings of a text-to-image request out of Extra.
func (p *TextParameters) takeExtra() (err error) {
	take := func(key string, set func(v string) error) {
		if v, ok := p.Extra[key]; ok && err == nil {
			delete(p.Extra, key)
			err = set(v)
		}
	}
	integer := func(dst *int) func(string) error {
		return func(v string) (err error) {
			*dst, err = strconv.Atoi(v)
			return err
		}
	}
	point := func(dst *image.Point) func(string) error {
		return func(v string) (err error) {
			*dst, err = parseSize(v)
			return err
		}
	}
	take("Images", integer(&p.N))
	p.takeRange(take)
	p.takeControl(take)
	p.takePAG(take)
	take("Clip skip", integer(&p.ClipSkip))
	p.ClipSkip = max(p.ClipSkip-1, 0)
	take("Prompt syntax", func(v string) error { p.Syntax = v; return nil })
	take("Denoising strength", func(v string) (err error) {
		p.Strength, err = strconv.ParseFloat(v, 64)
		return err
	})
	take("True CFG scale", func(v string) (err error) {
		p.TrueGuidance, err = strconv.ParseFloat(v, 64)
		return err
	})
	take("Exact steps", func(v string) (err error) {
		p.ExactSteps, err = strconv.ParseBool(v)
		return err
	})
	take("Mask blur", func(v string) (err error) {
		p.MaskBlur, err = strconv.ParseFloat(v, 64)
		return err
	})
	take("Original size", point(&p.Original))
	take("Target size", point(&p.Target))
	take("Crop", point(&p.Crop))
	return err
}
