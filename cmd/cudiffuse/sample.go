package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/cudiffuse/cudiffuse/model/bundled"
	"github.com/cudiffuse/cudiffuse/pipeline"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/diffusers"
	"github.com/cudiffuse/cudiffuse/schedule"
)

type sampleCmd struct {
	Model    string   `help:"Model folder in diffusers format, org/name[@revision] of the Hugging Face cache, or fashion or fashion_lcm, the bundled ones." default:"fashion"`
	Sampler  string   `short:"s" help:"Sampler, e.g. dpmpp_2m, ddim, euler_ancestral; the model's own if not given."`
	Steps    *int     `help:"Steps; the usual number for the sampler if not given."`
	Guidance *float64 `aliases:"cfg,cfg-scale" help:"Guidance scale, 1 for none; the model's own if not given."`
	Class    []string `aliases:"classes" help:"Class names or numbers; all of them if not given." placeholder:"NAME,..."`
	Negative string   `aliases:"negative-prompt" help:"Class, or prompt, in the place of the unconditional one." placeholder:"CLASS|TEXT"`
	Seed     uint64   `help:"Seed of the first image; the others count on from it." default:"1"`
	RNG      string   `name:"rng" help:"Draws the initial noise: torch-cpu or torch-cuda repeat the seeds of other programs, diffusers (on the CPU) later noise too; our own if not given."`
	N        *int     `short:"n" help:"Images of each class or prompt; 2 or 1 if not given."`
	Out      string   `short:"o" help:"File to write; with --each its name is numbered." default:"samples.png" placeholder:"FILE"`
	Grid     bool     `help:"One sheet with all images (the default)." xor:"layout"`
	Each     bool     `help:"One file an image in place of a sheet." xor:"layout"`
	Columns  int      `help:"Columns of the sheet; 0 for one row a class." default:"0"`
	Zoom     int      `help:"Size of a pixel in the sheet; 0 chooses." default:"0"`
	Like     string   `help:"Repeat the PNG FILE bit for bit, from the parameters it carries; other flags but --model and --out are not used." placeholder:"FILE"`
	JSON     bool     `name:"json" help:"Print what was made as JSON."`

	deviceFlags `embed:""`
	textFlags   `embed:""`

	ScheduleType string   `help:"Noise levels: normal (the timesteps of the spacing), karras, exponential (lu_lambdas), polyexponential, beta, beta_timesteps, kl_optimal, uniform, sgm_uniform, simple, ddim_uniform, linear_quadratic, align_your_steps, align_your_steps_sdxl, align_your_steps_svd or gits." default:"normal"`
	Spacing      string   `name:"timestep-spacing" help:"leading, trailing, linspace or truncated; the model's own if not given."`
	ClipSample   *float64 `help:"Clip the predicted clean image to this range; 0 for none; the model's own if not given." placeholder:"RANGE"`

	GuidanceType  string  `help:"How to guide: cfg, apg (projected), zero_star (CFG-Zero*) or tangential." default:"cfg" enum:"cfg,apg,zero_star,tangential"`
	APGEta        float64 `name:"apg-eta" help:"Of apg: share of the difference along the prediction that stays." placeholder:"ETA"`
	APGNorm       float64 `name:"apg-norm" help:"Of apg: largest length of the difference; 0 for any." placeholder:"R"`
	APGMomentum   float64 `name:"apg-momentum" help:"Of apg: momentum of the difference over the steps, between -1 and 1; the paper's is -0.5." placeholder:"M"`
	GuidanceStart float64 `help:"Guide from this share of the steps on." placeholder:"SHARE"`
	GuidanceStop  float64 `help:"Guide up to this share of the steps." default:"1" placeholder:"SHARE"`
	ZeroInitSteps int     `help:"Take the network's output for zero in that many first steps (1 with zero_star and flow models)." placeholder:"N"`

	GuidanceRescale  float64  `help:"Pull guided predictions back to the contrast of unguided ones, by this share (0.7 is usual)." placeholder:"PHI"`
	ThresholdRatio   *float64 `name:"dynamic-thresholding-ratio" help:"Clip each image to this quantile of itself (0.995 is usual), in place of a fixed range." placeholder:"Q"`
	ThresholdMaximum *float64 `name:"sample-max-value" help:"Largest range of dynamic thresholding; 1 if not given." placeholder:"RANGE"`

	Brownian bool `help:"Noise of SDE samplers along one path of the seed: more steps then refine the same image."`

	samplerFlags `embed:""`
	controlFlags `embed:""`
	saveFlags    `embed:""`
}

// Layout of the written images, in the parameters.
const (
	layoutGrid = "grid"
	layoutEach = "each"
)

// Run samples and writes PNG files.
func (c *sampleCmd) Run(a *app) error {
	if err := checkOutput("--out", c.Out); err != nil {
		return err
	}
	var like *pipeline.Parameters
	if c.Like != "" {
		var err error
		if like, err = readLike(c.Like); err != nil {
			return usagef("--like %s: %w", c.Like, err)
		}
		if c.Model == "fashion" && (like.Model == "fashion" || like.Model == "fashion_lcm") {
			c.Model = like.Model
		}
	}
	keep, run, err := c.saveFlags.open(c.Out)
	if err != nil {
		return err
	}
	if pipeline.IsText(c.Model) {
		return c.runText(a, keep, run)
	}
	if err := c.noText(); err != nil {
		return err
	}
	o := c.options()
	o.Loading = a.loading()
	p, err := openModel(c.Model, o)
	if err != nil {
		return err
	}
	defer p.Close()
	r, err := c.request(p, like)
	if err != nil {
		return &usageError{err}
	}
	if err := c.layout(p, r); err != nil {
		return &usageError{err}
	}
	r.Resume = run
	bar := newProgress(a.stderr, "sampling")
	bar.before = keep.stage
	res, err := p.GenerateFunc(a.ctx, r, func(s pipeline.Step) error {
		defer bar.step(s.Stage, s.Stages)
		return keep.step(s)
	})
	bar.done()
	if err != nil {
		keep.ended(a.stderr, err)
		return classify(err)
	}
	files, err := c.write(&res)
	if err != nil {
		return classify(err)
	}
	if err := keep.finished(); err != nil {
		return err
	}
	return c.report(a, res, files)
}

// classify marks errors about the request as bad input.
func classify(err error) error {
	var req *pipeline.RequestError
	var plan *sampler.PlanError
	var sch *schedule.Error
	var sreq *sampler.RequestError
	var dif *diffusers.Error
	var state *sampler.StateError
	for _, t := range []any{&req, &plan, &sch, &sreq, &dif, &state} {
		if errors.As(err, t) {
			return &usageError{err}
		}
	}
	return err
}

// openModel opens a bundled model by name or a folder.
func openModel(name string, o pipeline.Options) (*pipeline.Pipeline, error) {
	var p *pipeline.Pipeline
	var err error
	if o.Threads < 0 {
		return nil, usagef("--threads %d: want 0 for all, or a positive number", o.Threads)
	}
	if err := checkModel(name); err != nil {
		return nil, err
	}
	switch name {
	case "fashion":
		p, err = pipeline.Bundled(o)
	case "fashion_lcm":
		p, err = pipeline.BundledLCM(o)
	default:
		p, err = pipeline.Open(name, o)
	}
	if err != nil {
		return nil, &usageError{err}
	}
	return p, nil
}

// checkModel refuses what is neither a bundled model nor a folder.
func checkModel(name string) error {
	if name == bundled.Fashion || name == bundled.FashionLCM {
		return nil
	}
	const want = "want fashion, fashion_lcm or a folder in diffusers format"
	st, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) && pipeline.IsHubName(name) {
		return nil // of the cache, or not: opening it says which
	}
	if errors.Is(err, fs.ErrNotExist) {
		return usagef("--model %q: there is no such folder: %s", name, want)
	}
	if err != nil {
		return usagef("--model: %w: %s", err, want)
	}
	if !st.IsDir() {
		return usagef("--model %s: is a file: %s", name, want)
	}
	return nil
}

func readLike(path string) (*pipeline.Parameters, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := pipeline.ReadParameters(f)
	if err != nil {
		return nil, err
	}
	like, err := pipeline.ParseParameters(text)
	return &like, err
}

// request builds the request of the flags, or that of the PNG to repeat.
func (c *sampleCmd) request(p *pipeline.Pipeline, like *pipeline.Parameters) (pipeline.Request, error) {
	if like != nil {
		return c.repeat(p, like)
	}
	n := 2
	if c.N != nil {
		n = *c.N
	}
	r := pipeline.Request{N: n, Seed: c.Seed, RNG: c.RNG, Sampler: c.Sampler, Params: c.params()}
	if n < 1 {
		return r, fmt.Errorf("--n %d: want a positive number", n)
	}
	if c.Columns < 0 {
		return r, fmt.Errorf("--columns %d: want a positive number, or 0 for one row a class", c.Columns)
	}
	if c.Zoom < 0 {
		return r, fmt.Errorf("--zoom %d: want a positive number, or 0 to choose", c.Zoom)
	}
	if c.Steps != nil {
		if r.Steps = *c.Steps; r.Steps < 1 {
			return r, fmt.Errorf("--steps %d: want a positive number, at most the model's timesteps", r.Steps)
		}
	}
	if c.Guidance != nil {
		if r.Guidance = *c.Guidance; r.Guidance == 0 {
			return r, fmt.Errorf("--guidance 0: want --class with the label of no class for unconditional samples")
		}
	}
	if c.ClipSample != nil {
		switch v := *c.ClipSample; {
		case v == 0:
			r.Clip = -1
		case v > 0 && !math.IsInf(v, 0):
			r.Clip = v
		default:
			return r, fmt.Errorf("--clip-sample %v: want a positive range, or 0 for none", v)
		}
	}
	if err := c.dynamic(&r); err != nil {
		return r, err
	}
	var err error
	if r.Schedule, r.Spacing, err = c.levels(); err != nil {
		return r, err
	}
	return r, c.classes(p, &r)
}

// levels are the spread of the noise levels and of the timesteps, nil for the model's own.
func (c *sampleCmd) levels() (schedule.Curve, *schedule.Spacing, error) {
	curve, err := schedule.ParseCurve(c.ScheduleType)
	if err != nil || c.Spacing == "" {
		return curve, nil, err
	}
	spacing, err := schedule.ParseSpacing(c.Spacing)
	return curve, &spacing, err
}

func (c *sampleCmd) guiding() pipeline.Guiding {
	g := pipeline.Guiding{Type: c.GuidanceType, Eta: c.APGEta, Norm: c.APGNorm, Momentum: c.APGMomentum, Start: c.GuidanceStart,
		Stop: c.GuidanceStop, ZeroInit: c.ZeroInitSteps}
	if g.Type == "cfg" {
		g.Type = "" // which parameters leave out, as they do the whole of the steps
	}
	if g.Stop == 1 {
		g.Stop = 0
	}
	return g
}

// dynamic takes guidance rescale and dynamic thresholding.
func (c *sampleCmd) dynamic(r *pipeline.Request) error {
	if r.Rescale = c.GuidanceRescale; !(r.Rescale >= 0 && r.Rescale <= 1) {
		return fmt.Errorf("--guidance-rescale %v: want 0 (none) to 1", r.Rescale)
	}
	r.Guiding, r.Brownian = c.guiding(), c.Brownian
	if c.ThresholdRatio == nil {
		if c.ThresholdMaximum != nil {
			return errors.New("--sample-max-value: want --dynamic-thresholding-ratio with it")
		}
		return nil
	}
	if c.ClipSample != nil {
		return errors.New("--clip-sample: not with --dynamic-thresholding-ratio, which takes its place")
	}
	r.Threshold = sampler.Threshold{Quantile: *c.ThresholdRatio, Max: 1}
	if q := r.Threshold.Quantile; !(q > 0 && q <= 1) {
		return fmt.Errorf("--dynamic-thresholding-ratio %v: want more than 0 and at most 1", q)
	}
	if c.ThresholdMaximum != nil {
		r.Threshold.Max = *c.ThresholdMaximum
	}
	if m := r.Threshold.Max; !(m >= 1) || math.IsInf(float64(float32(m)), 0) {
		return fmt.Errorf("--sample-max-value %v: want a finite number, at least 1", m)
	}
	return nil
}

func (c *sampleCmd) classes(p *pipeline.Pipeline, r *pipeline.Request) error {
	for _, name := range c.Class {
		label, err := p.ClassLabel(name)
		if err != nil {
			return err
		}
		r.Classes = append(r.Classes, label)
	}
	if c.Negative != "" {
		label, err := p.ClassLabel(c.Negative)
		if err != nil {
			return fmt.Errorf("--negative: %w", err)
		}
		r.Negative = &label
	}
	return nil
}

// repeat takes everything from the PNG's parameters.
func (c *sampleCmd) repeat(p *pipeline.Pipeline, like *pipeline.Parameters) (pipeline.Request, error) {
	if like.Hash != p.Fingerprint() {
		return like.Request, fmt.Errorf("--like %s: made with model %s (%s), this is %s (%s): want the same, see --model",
			c.Like, like.Model, like.Hash, p.Info().Name, p.Fingerprint())
	}
	c.Each = like.Extra["Layout"] == layoutEach
	var err error
	for key, dst := range map[string]*int{"Columns": &c.Columns, "Zoom": &c.Zoom} {
		if v, ok := like.Extra[key]; ok {
			if *dst, err = strconv.Atoi(v); err != nil || *dst < 0 {
				return like.Request, fmt.Errorf("--like %s: %s %q: want a number", c.Like, key, v)
			}
		}
	}
	return like.Request, nil
}

// layout chooses the columns and the zoom of the sheet that r will make, and refuses one that is too large
// before any work is done.
func (c *sampleCmd) layout(p *pipeline.Pipeline, r pipeline.Request) error {
	classes := len(r.Classes)
	if classes == 0 {
		classes = p.Info().Classes
		if p.Info().NoClass >= 0 {
			classes--
		}
	}
	if c.Each || r.N < 0 || r.N > pipeline.MaxImages || classes > pipeline.MaxImages {
		return nil // the pipeline refuses such numbers
	}
	perClass := max(r.N, 1)
	n := max(classes, 1) * perClass
	if c.Columns == 0 {
		c.Columns = defaultColumns(n, perClass)
	}
	c.Columns = min(c.Columns, n)
	w, h := c.Columns*p.Info().Width, (n+c.Columns-1)/c.Columns*p.Info().Height
	if c.Zoom == 0 {
		c.Zoom = max(1, min(4, 1120/w))
	}
	if c.Zoom > pipeline.MaxSide/max(w, h) {
		return fmt.Errorf("a sheet of %d columns, %dx%d pixels at --zoom %d: want sides of at most %d; "+
			"give other --columns or --each", c.Columns, w, h, c.Zoom, pipeline.MaxSide)
	}
	return nil
}

// write writes the sheet or the single images and returns their names.
func (c *sampleCmd) write(res *pipeline.Result) ([]string, error) {
	if c.Each {
		return c.writeEach(res)
	}
	sheet, err := pipeline.Grid(res.Images, c.Columns, c.Zoom)
	if err != nil {
		return nil, err
	}
	res.Parameters.Extra = map[string]string{"Layout": layoutGrid, "Columns": strconv.Itoa(c.Columns),
		"Zoom": strconv.Itoa(c.Zoom)}
	return []string{c.Out}, writePNG(c.Out, sheet, res.Parameters.String())
}

// defaultColumns keeps the images of a class together and the sheet full and at least as wide as high.
func defaultColumns(n, perClass int) int {
	columns := perClass
	for columns < n && (n%columns != 0 || columns*columns < n) {
		columns += perClass
	}
	if columns > maxColumns { // a prime number of classes, say: the last row may stay short
		for columns = perClass; columns*columns < n; {
			columns += perClass
		}
	}
	return min(columns, n)
}

// maxColumns keeps a sheet from becoming a strip.
const maxColumns = 24

func (c *sampleCmd) writeEach(res *pipeline.Result) ([]string, error) {
	ext := filepath.Ext(c.Out)
	stem := strings.TrimSuffix(c.Out, ext)
	if ext == "" {
		ext = ".png"
	}
	var files []string
	for i, img := range res.Images {
		// Each file repeats on its own: one image of its class from its seed.
		par := res.Parameters
		par.N, par.Seed, par.Extra = 1, img.Seed, map[string]string{"Layout": layoutEach}
		par.Classes = nil
		if img.Class >= 0 {
			par.Classes = []int{img.Class}
		}
		name := c.Out
		if len(res.Images) > 1 || c.Like == "" {
			name = fmt.Sprintf("%s-%04d%s", stem, i+1, ext)
		}
		if err := writePNG(name, img.Image, par.String()); err != nil {
			return files, errors.Join(err, removeAll(files))
		}
		files = append(files, name)
	}
	return files, nil
}

func removeAll(files []string) error {
	var errs []error
	for _, f := range files {
		errs = append(errs, os.Remove(f))
	}
	return errors.Join(errs...)
}

func (c *sampleCmd) report(a *app, res pipeline.Result, files []string) error {
	if c.JSON {
		return json.NewEncoder(a.stdout).Encode(map[string]any{
			"files": files, "images": len(res.Images), "evaluations": res.Evaluations,
			"seconds": res.Elapsed.Seconds(), "parameters": res.Parameters.String(), "sampler": res.Parameters.Sampler,
			"steps": res.Parameters.Steps, "guidance": res.Parameters.Guidance, "seed": res.Parameters.Seed})
	}
	where := files[0]
	if len(files) > 1 {
		where = fmt.Sprintf("%s to %s", files[0], files[len(files)-1])
	}
	_, err := fmt.Fprintf(a.stdout, "%s: %d images, %s, %d steps, guidance %v, seed %d, %.1f s (%d network evaluations)\n",
		where, len(res.Images), res.Parameters.Sampler, res.Parameters.Steps, res.Parameters.Guidance,
		res.Parameters.Seed, res.Elapsed.Seconds(), res.Evaluations)
	return err
}
