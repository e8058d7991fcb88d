package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cudiffuse/cudiffuse/sampler/diffusers"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// textClass is what differs between the pipelines of diffusers.
type textClass struct {
	xl          bool
	joint, flux bool // a transformer in the place of the U-Net: Stable Diffusion 3, FLUX.1 if both,
	pixart      int  // or PixArt, whose T5 takes so many tokens (max_sequence_length)
	// scheduler are keys of the scheduler's config that the constructor of the pipeline overwrites: the
	// first published configs were wrong (pipeline_stable_diffusion.py, __init__).
	scheduler map[string]any
}

var (
	firstConfigs   = map[string]any{"steps_offset": 1, "clip_sample": false}
	inpaintConfigs = map[string]any{"steps_offset": 1, "skip_prk_steps": true}
)

var textClasses = map[string]textClass{
	"StableDiffusionPipeline":               {scheduler: firstConfigs},
	"StableDiffusionImg2ImgPipeline":        {scheduler: firstConfigs},
	"StableDiffusionInpaintPipeline":        {scheduler: inpaintConfigs},
	"StableDiffusionXLPipeline":             {xl: true},
	"StableDiffusionXLImg2ImgPipeline":      {xl: true},
	"StableDiffusionXLInpaintPipeline":      {xl: true},
	"LatentConsistencyModelPipeline":        {},
	"LatentConsistencyModelImg2ImgPipeline": {},
	"StableDiffusion3Pipeline":              {joint: true},
	"FluxPipeline":                          {joint: true, flux: true},
	"PixArtAlphaPipeline":                   {joint: true, pixart: 120},
	"PixArtSigmaPipeline":                   {joint: true, pixart: 300},
}

// IsTextClass tells whether a _class_name of model_index.json is one that [OpenText] takes.
func IsTextClass(name string) bool {
	_, ok := textClasses[name]
	return ok
}

// IsText tells whether a model, a folder or a name as [OpenText] takes it, is one of text-to-image.
func IsText(name string) bool {
	if isSingleFile(name) { // one that says so: any other file is a mistake
		return slices.Contains(singleFileEndings, filepath.Ext(name))
	}
	f, err := openModelFolder(name)
	if err != nil {
		return false
	}
	defer f.root.Close()
	b, err := readJSON(f.root.FS(), path.Join(f.dir, "model_index.json"))
	var index textIndex
	return err == nil && json.Unmarshal(b, &index) == nil && IsTextClass(index.Class)
}

// textIndex is what is read of model_index.json. The parts describe themselves.
type textIndex struct {
	Class      string `json:"_class_name"`
	ForceZeros *bool  `json:"force_zeros_for_empty_prompt"`
	T5         []any  `json:"text_encoder_3"` // library and class, both null without it
	First      []any  `json:"text_encoder"`   // null in a refiner
	Aesthetic  bool   `json:"requires_aesthetics_score"`
}

// index reads model_index.json.
func (p *TextToImage) index(fsys fs.FS, dir string) (textClass, error) {
	file := path.Join(dir, "model_index.json")
	b, err := readJSON(fsys, file)
	if err != nil {
		return textClass{}, err
	}
	var index textIndex
	if err := json.Unmarshal(b, &index); err != nil {
		return textClass{}, fmt.Errorf("%s: %w", file, err)
	}
	c, ok := textClasses[index.Class]
	if !ok {
		return c, fmt.Errorf("%s: _class_name %.80q: want one of %s", file, index.Class,
			strings.Join(sortedKeys(textClasses), ", "))
	}
	p.info.Class, p.info.XL = index.Class, c.xl
	p.info.Aesthetic = c.xl && index.Aesthetic
	p.noFirst = c.xl && len(index.First) > 0 && !slices.ContainsFunc(index.First, func(v any) bool { return v != nil })
	p.zeroNegative = c.xl && (index.ForceZeros == nil || *index.ForceZeros)
	p.noT5 = c.joint && !c.flux && c.pixart == 0 && !slices.ContainsFunc(index.T5, func(v any) bool { return v != nil })
	return c, nil
}

// textSchedule is the folder's scheduler.
type textSchedule struct {
	scheduler *diffusers.Scheduler
	noise     *schedule.Noise // nil for a class whose noise levels are not those of betas
	kind      schedule.Kind
	spacing   schedule.Spacing
	offset    int
	flow      flowKeys
	lcm       int // timesteps of the distillation, 0 for a model that was not distilled
}

// readSchedule reads scheduler/scheduler_config.json, with the keys that the pipeline overwrites.
func readSchedule(fsys fs.FS, dir string, overwrite map[string]any) (textSchedule, error) {
	var s textSchedule
	file := path.Join(dir, "scheduler", "scheduler_config.json")
	b, err := readJSON(fsys, file)
	if err != nil {
		return s, err
	}
	s.scheduler, err = diffusers.Parse(bytes.NewReader(b))
	if err == nil && len(overwrite) > 0 {
		if b, err = overwriteKeys(b, overwrite); err == nil {
			s.scheduler, err = diffusers.Parse(bytes.NewReader(b))
		}
	}
	if err == nil {
		s.kind, err = s.scheduler.Kind()
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	s.lcm = s.scheduler.OriginalSteps()
	s.spacing, s.offset = s.scheduler.Spacing()
	if s.noise, err = s.scheduler.Noise(); err != nil {
		s.noise = nil // its own sampler does without
	}
	o := diffusers.Options{Steps: 1}
	err = nil
	if s.kind == schedule.Velocity {
		if s.flow, err = readFlowKeys(b); err == nil {
			err = s.flow.options(1, &o)
		}
	}
	if err == nil && s.noise == nil {
		_, err = s.scheduler.Plan(o)
	}
	if err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// overwriteKeys sets keys of the JSON object of a scheduler's config, which may hold Python's -Infinity.
func overwriteKeys(object []byte, keys map[string]any) ([]byte, error) {
	object = bytes.ReplaceAll(object, []byte("-Infinity"), []byte(`"-inf"`))
	m := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(object))
	d.UseNumber()
	if err := d.Decode(&m); err != nil {
		return nil, err
	}
	maps.Copy(m, keys)
	return json.Marshal(m)
}
