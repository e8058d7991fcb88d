package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg" // of --init-image
	_ "image/png"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

// textFlags are those of text-to-image models.
type textFlags struct {
	Prompt     []string `sep:"none" help:"What to draw, for a text-to-image model; may be given several times." placeholder:"TEXT"`
	PromptFile string   `help:"File with a prompt a line." placeholder:"FILE"`
	Width      int      `help:"Of the image in pixels; the model's own if not given."`
	Height     int      `help:"Of the image in pixels; the model's own if not given."`
	InitImage  string   `aliases:"image" help:"PNG or JPEG to start from in place of noise, of the size to draw." placeholder:"FILE"`
	Strength   float64  `aliases:"denoising-strength" help:"How much of --init-image is drawn anew, up to 1; 0 means 0.8, with Stable Diffusion 3 and FLUX.1 0.6, with --mask 1."`
	ExactSteps bool     `help:"Run all --steps from where --strength starts, in place of the last steps*strength of them as diffusers does; with a --sampler, or a model of Stable Diffusion 3 or FLUX.1."`
	Syntax     string   `name:"prompt-syntax" help:"a1111 for weights as in (word:1.3) and [word], BREAK, AND, and prompts of any length; the text as it is if not given."`
	LoRA       []string `name:"lora" sep:"none" help:"LoRA to merge into the model, a safetensors file in the keys of diffusers, peft or kohya, and its strength, 1 if not given; may be given several times." placeholder:"FILE[:STRENGTH]"`
	Tokenizer  string   `help:"Folder of the tokenizer of a model in one file; that of the file if not given." placeholder:"DIR"`
	Variant    string   `help:"Of a model in one file: v1, v2, v2-base (512 pixels) or xl; by the file if not given."`
	TrueCFG    float64  `name:"true-cfg-scale" help:"Guidance away from --negative for a FLUX.1 that takes --guidance as an input, above 1; 0 is none."`
	ClipSkip   int      `help:"Last blocks of the text encoder to leave out, as diffusers counts." default:"0"`
	inpaintFlags
	pagFlags
	refinerFlags
	decodeFlags
}

// noText refuses the flags of text-to-image for other models.
func (c *sampleCmd) noText() error {
	f := c.textFlags
	return refuse("want a text-to-image model, see --model", append(slices.Concat(f.inpaintFlags.given(), f.pagFlags.given(), f.refinerFlags.given(), c.controlFlags.given(), f.decodeFlags.given()), []given{{"--prompt", len(f.Prompt) > 0},
		{"--prompt-file", f.PromptFile != ""}, {"--init-image", f.InitImage != ""}, {"--width", f.Width != 0},
		{"--height", f.Height != 0}, {"--strength", f.Strength != 0}, {"--exact-steps", f.ExactSteps}, {"--clip-skip", f.ClipSkip != 0}, {"--true-cfg-scale", f.TrueCFG != 0},
		{"--prompt-syntax", f.Syntax != ""}, {"--tokenizer", f.Tokenizer != ""},
		{"--variant", f.Variant != ""}, {"--lora", len(f.LoRA) > 0}}...))
}

// noClasses refuses the flags that text-to-image does not have.
func (c *sampleCmd) noClasses() error {
	return refuse("not with a text-to-image model", []given{{"--class", len(c.Class) > 0}, {"--like", c.Like != ""},
		{"--clip-sample", c.ClipSample != nil}, {"--dynamic-thresholding-ratio", c.ThresholdRatio != nil},
		{"--sample-max-value", c.ThresholdMaximum != nil}})
}

// given is a flag and whether it was.
type given struct {
	flag string
	is   bool
}

// refuse names the first flag that was given.
func refuse(why string, flags []given) error {
	for _, f := range flags {
		if f.is {
			return usagef("%s: %s", f.flag, why)
		}
	}
	return nil
}

// runText draws prompts.
func (c *sampleCmd) runText(a *app, keep *saver, run *pipeline.SavedRun) error {
	if err := c.noClasses(); err != nil {
		return err
	}
	prompts, err := c.prompts()
	if err != nil {
		return &usageError{err}
	}
	if len(prompts) > 1 {
		if err := refuse(fmt.Sprintf("%d prompts: want one, of any number of images", len(prompts)), c.saveFlags.given()); err != nil {
			return err
		}
	}
	r, err := c.textRequest()
	if err == nil && c.LatentsOut != "" && len(prompts) > 1 {
		err = errors.New("--latents-out: want one prompt")
	}
	if err != nil {
		return &usageError{err}
	}
	r.Resume = run
	o := c.options()
	o.ControlNet, o.Refiner, o.Loading = c.ControlNet, c.Refiner, a.loading()
	o.Tokenizer, o.Variant = c.Tokenizer, c.Variant
	if o.LoRAs, err = parseLoRAs(c.LoRA); err != nil {
		return &usageError{err}
	}
	if err := c.decoding(&o); err != nil {
		return &usageError{err}
	}
	p, err := pipeline.OpenText(c.Model, o)
	if err != nil {
		return &usageError{err}
	}
	defer p.Close()
	var results []pipeline.TextResult
	for i, prompt := range prompts {
		if n := p.Dropped(prompt); n > 0 && r.Syntax == "" {
			a.log.Warn("the end of the prompt does not fit and is left out", "tokens", n, "prompt", prompt)
		}
		r.Prompt = prompt
		label := "drawing"
		if len(prompts) > 1 {
			label = fmt.Sprintf("drawing %d of %d", i+1, len(prompts))
		}
		bar := newProgress(a.stderr, label)
		bar.before = keep.stage
		preview := c.preview(a, bar, i)
		res, err := p.GenerateFunc(a.ctx, r, func(s pipeline.TextStep) error {
			defer bar.step(s.Stage, s.Stages)
			if err := keep.step(s); err != nil {
				return err
			}
			return preview(s)
		})
		bar.done()
		if err != nil {
			keep.ended(a.stderr, err)
			return classify(err)
		}
		results = append(results, res)
	}
	if err := c.writeLatents(results); err != nil {
		return classify(err)
	}
	files, err := c.writeText(results)
	if err != nil {
		return classify(err)
	}
	if err := keep.finished(); err != nil {
		return err
	}
	return c.reportText(a, results, files)
}

// maxPrompts bounds the prompts of one run.
const maxPrompts = 1 << 12

// prompts are those of the flags and of the file.
func (c *sampleCmd) prompts() ([]string, error) {
	prompts := c.Prompt
	if c.PromptFile != "" {
		f, err := os.Open(c.PromptFile)
		if err != nil {
			return nil, fmt.Errorf("--prompt-file: %w", err)
		}
		defer f.Close()
		for lines := bufio.NewScanner(f); ; {
			if !lines.Scan() {
				if err := lines.Err(); err != nil {
					return nil, fmt.Errorf("--prompt-file %s: %w", c.PromptFile, err)
				}
				break
			}
			if line := strings.TrimSpace(lines.Text()); line != "" {
				prompts = append(prompts, line)
			}
		}
	}
	switch {
	case len(prompts) == 0:
		return nil, errors.New("--prompt: want what to draw")
	case len(prompts) > maxPrompts:
		return nil, fmt.Errorf("%d prompts: want at most %d", len(prompts), maxPrompts)
	}
	return prompts, nil
}

// textRequest is the request of the flags, without its prompt.
func (c *sampleCmd) textRequest() (pipeline.TextRequest, error) {
	r := pipeline.TextRequest{Negative: c.Negative, Seed: c.Seed, RNG: c.RNG, Height: c.Height, Width: c.Width,
		Sampler: c.Sampler, Params: c.params(), TrueGuidance: c.TrueCFG, Strength: c.Strength, ExactSteps: c.ExactSteps, Rescale: c.GuidanceRescale, Guiding: c.guiding(), Brownian: c.Brownian, ClipSkip: c.ClipSkip,
		Syntax: c.Syntax}
	for _, n := range []struct {
		flag string
		from *int
		to   *int
	}{{"--n", c.N, &r.N}, {"--steps", c.Steps, &r.Steps}} {
		if n.from == nil {
			continue
		}
		if *n.to = *n.from; *n.to < 1 {
			return r, fmt.Errorf("%s %d: want a positive number", n.flag, *n.to)
		}
	}
	if c.Guidance != nil {
		if r.Guidance = *c.Guidance; r.Guidance == 0 {
			return r, errors.New("--guidance 0: want 1 for none")
		}
	}
	var err error
	if r.Schedule, r.Spacing, err = c.levels(); err != nil {
		return r, err
	}
	if err := c.control(&r); err != nil {
		return r, err
	}
	c.pag(&r)
	if err := c.refine(&r); err != nil {
		return r, err
	}
	err = c.images(&r)
	return r, err
}

// readImage reads the picture of a flag, whose size is reasonable.
func readImage(flag, name string) (image.Image, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	defer f.Close()
	size, _, err := image.DecodeConfig(f)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: want a PNG or JPEG", flag, name, err)
	}
	if size.Width > pipeline.MaxSide || size.Height > pipeline.MaxSide {
		return nil, fmt.Errorf("%s %s: %dx%d pixels: want at most %d a side", flag, name, size.Width, size.Height, pipeline.MaxSide)
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	img, _, err := image.Decode(f)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", flag, name, err)
	}
	return img, nil
}

// writeText writes one file with all images, a row a prompt, or one a picture.
func (c *sampleCmd) writeText(results []pipeline.TextResult) ([]string, error) {
	var all []pipeline.Image
	for _, res := range results {
		for _, img := range res.Images {
			all = append(all, pipeline.Image{Image: img.Image, Class: -1, Seed: img.Seed})
		}
	}
	if c.Each || len(all) == 1 {
		return c.writeEachText(results, len(all) > 1)
	}
	columns := c.Columns
	if columns <= 0 {
		columns = defaultColumns(len(all), len(results[0].Images))
	}
	sheet, err := pipeline.Grid(all, min(columns, len(all)), max(1, c.Zoom))
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, res := range results {
		texts = append(texts, res.Parameters.String())
	}
	return []string{c.Out}, writePNG(c.Out, sheet, strings.Join(texts, "\n\n"))
}

func (c *sampleCmd) writeEachText(results []pipeline.TextResult, numbered bool) ([]string, error) {
	ext := filepath.Ext(c.Out)
	stem := strings.TrimSuffix(c.Out, ext)
	if ext == "" {
		ext = ".png"
	}
	var files []string
	for _, res := range results {
		for _, img := range res.Images {
			par := res.Parameters // of this image alone
			par.N, par.Seed = 1, img.Seed
			name := c.Out
			if numbered {
				name = fmt.Sprintf("%s-%04d%s", stem, len(files)+1, ext)
			}
			if err := writePNG(name, img.Image, par.String()); err != nil {
				return files, errors.Join(err, removeAll(files))
			}
			files = append(files, name)
		}
	}
	return files, nil
}

func (c *sampleCmd) reportText(a *app, results []pipeline.TextResult, files []string) error {
	images, evaluations, seconds := 0, 0, 0.0
	var parameters []string
	for _, res := range results {
		images += len(res.Images)
		evaluations += res.Evaluations
		seconds += res.Elapsed.Seconds()
		parameters = append(parameters, res.Parameters.String())
	}
	par := results[0].Parameters
	name := par.Sampler
	if name == "" {
		name = par.Scheduler
	}
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(map[string]any{"files": files, "images": images,
			"evaluations": evaluations, "seconds": seconds, "parameters": parameters, "sampler": name,
			"steps": par.Steps, "guidance": par.Guidance, "seed": par.Seed})
	}
	where := files[0]
	if len(files) > 1 {
		where = fmt.Sprintf("%s to %s", files[0], files[len(files)-1])
	}
	_, err := fmt.Fprintf(a.stdout, "%s: %d images, %s, %d steps, guidance %v, seed %d, %.1f s (%d network evaluations)\n",
		where, images, name, par.Steps, par.Guidance, par.Seed, seconds, evaluations)
	return err
}
