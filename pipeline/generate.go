package pipeline

import (
	"context"
	"image"
	"iter"
	"time"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// Image is one sampled image.
type Image struct {
	image.Image
	Class  int       // label, -1 for a model without classes
	Seed   uint64    // of this image: the same request with one image and this seed repeats it
	Sample []float32 // [C, H, W], as the model made it, usually within [-1, 1]
	Latent []float32 // of a model of latents, [c, h, w] as the denoiser left them; nil otherwise
}

// Result is what Generate made.
type Result struct {
	Images      []Image
	Parameters  Parameters // what repeats it; see [Parameters.String]
	Plan        *sampler.Plan
	Evaluations int // network evaluations of this call, see [sampler.Plan.NetworkRows]; a GPU does those of conditions that a stage does not use too
	Elapsed     time.Duration
}

// Step is one step of all images of a request. It is valid until the next.
type Step struct {
	Stage, Stages int // done, those before a resumed run included, and in all; a stage is one network evaluation for each image
	p             *Pipeline
	s             sampler.Step
	code          *model.Codec
	j             *job
}

// Preview returns the clean image that the model predicts for image i at this step.
func (s Step) Preview(i int) (image.Image, error) {
	if s.p == nil { // the Step beside an error
		return nil, sampler.ErrClosed
	}
	x := make([]float32, s.p.elems())
	if err := s.s.Denoised(i, x); err != nil {
		return nil, err
	}
	img, _, err := s.p.image(context.Background(), s.code, x)
	return s.approved(img, i, err)
}

func (p *Pipeline) elems() int { return p.network.Channels() * p.network.Height() * p.network.Width() }

// Generate samples the images of r. A canceled ctx ends it within a step, with ctx's error.
func (p *Pipeline) Generate(ctx context.Context, r Request) (Result, error) {
	return p.GenerateFunc(ctx, r, nil)
}

// GenerateFunc is Generate with a function that is called after each step; an error of its own ends the
// run.
func (p *Pipeline) GenerateFunc(ctx context.Context, r Request, progress func(Step) error) (Result, error) {
	start := time.Now()
	j, err := p.resolve(r)
	if err != nil {
		return Result{}, err
	}
	res := Result{Plan: j.plan, Parameters: p.parameters(j)}
	for s, err := range p.steps(ctx, j) {
		if err != nil {
			return Result{}, err
		}
		if progress != nil {
			if err := progress(s); err != nil {
				return Result{}, err
			}
		}
		if s.Stage < s.Stages {
			continue
		}
		if res.Images, err = p.collect(ctx, j, s); err != nil {
			return Result{}, err
		}
	}
	conds := 2
	if j.Guidance == 0 || j.Guidance == 1 {
		conds = 1
	}
	res.Evaluations = len(j.classes) * j.Resume.evaluations(j.plan, conds)
	res.Elapsed = time.Since(start)
	return res, nil
}

// Steps is an iterator over the steps of r, for callers who show or store what happens in between. After
// the last step, Images of the result are had by Generate; Steps itself keeps nothing.
func (p *Pipeline) Steps(ctx context.Context, r Request) iter.Seq2[Step, error] {
	j, err := p.resolve(r)
	if err != nil {
		return func(yield func(Step, error) bool) { yield(Step{}, err) }
	}
	return p.steps(ctx, j)
}

func (p *Pipeline) steps(ctx context.Context, j *job) iter.Seq2[Step, error] {
	return func(yield func(Step, error) bool) {
		reqs, err := p.requests(j)
		if err != nil {
			yield(Step{}, err)
			return
		}
		m, err := p.model()
		if err != nil {
			yield(Step{}, err)
			return
		}
		code := p.codec()
		for s, err := range p.sample(ctx, m, reqs) {
			if err != nil {
				yield(Step{}, err)
				return
			}
			done := j.Resume.stage()
			if !yield(Step{Stage: done + s.Stage, Stages: done + s.Stages, p: p, s: s, code: code, j: j}, nil) {
				return
			}
		}
	}
}

// model is the network where it runs. That of a GPU serves many programs at a time; one on the CPU is
// made for each.
func (p *Pipeline) model() (sampler.Model, error) {
	if p.net != nil {
		return p.net, nil
	}
	m, err := onHost(p.network, p.pool)
	if err != nil {
		return nil, err
	}
	return gpu.OnHost(m), nil
}

// Image returns the sample of image i so far, noise included.
func (s Step) Image(i int) (image.Image, error) {
	if s.p == nil {
		return nil, sampler.ErrClosed
	}
	x := make([]float32, s.p.elems())
	if err := s.s.Latent(i, x); err != nil {
		return nil, err
	}
	img, _, err := s.p.image(context.Background(), s.code, x)
	return s.approved(img, i, err)
}

func (p *Pipeline) collect(ctx context.Context, j *job, s Step) ([]Image, error) {
	images := make([]Image, len(j.classes))
	for i, c := range j.classes {
		x := make([]float32, p.elems())
		if err := s.s.Latent(i, x); err != nil {
			return nil, err
		}
		img, y, err := p.image(ctx, s.code, x)
		if err != nil {
			return nil, err
		}
		if err := p.approve(img, i, j.Seed+uint64(i)); err != nil {
			return nil, err
		}
		images[i] = Image{Image: img, Class: c, Seed: j.Seed + uint64(i), Sample: y}
		if s.code != nil {
			images[i].Latent = x
		}
	}
	return images, nil
}
