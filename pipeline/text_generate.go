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

// TextImage is one image of a text.
type TextImage struct {
	image.Image
	Seed   uint64    // of this image: the same request with one image and this seed repeats it
	Latent []float32 // [TextInfo.Latents, Height/Factor, Width/Factor], as the denoiser left it
	Sample []float32 // [3, Height, Width], as the autoencoder made it, about -1..1
}

// TextResult is what Generate made.
type TextResult struct {
	Images      []TextImage
	Parameters  TextParameters // what repeats it, every default filled in
	Plan        *sampler.Plan  // of the model itself, with a refiner up to the switch
	Latents     *NoisyLatents  // with a DenoisingEnd, where the images show the noise that is left; nil without
	Evaluations int            // of the denoiser in this call, see [Result.Evaluations]
	Elapsed     time.Duration
}

// TextStep is one step of all images of a request. It is valid until the next.
type TextStep struct {
	Stage, Stages int // see [Step]
	s             sampler.Step
	held          *heldPart
	j             *textJob
	code          *model.Codec
	p             *TextToImage
}

// Latent returns the latents of image i so far, noise included.
func (s TextStep) Latent(i int) ([]float32, error) {
	if s.p == nil { // the step beside an error
		return nil, sampler.ErrClosed
	}
	x := make([]float32, s.j.elems())
	err := s.s.Latent(i, x)
	if err == nil && s.held != nil && s.Stage == s.Stages {
		s.held.finish(i, x)
	}
	return x, err
}

// Denoised returns the clean latents that the model predicts for image i at this step.
func (s TextStep) Denoised(i int) ([]float32, error) {
	if s.p == nil {
		return nil, sampler.ErrClosed
	}
	x := make([]float32, s.j.elems())
	return x, s.s.Denoised(i, x)
}

// Preview decodes the clean image that the model predicts for image i at this step. The autoencoder takes
// about as long as a step does.
func (s TextStep) Preview(ctx context.Context, i int) (image.Image, error) {
	z, err := s.Denoised(i)
	if err != nil {
		return nil, err
	}
	img, _, err := s.p.decode(ctx, s.code, z, s.j)
	return s.approved(img, i, err)
}

// Image decodes the sample of image i so far, noise included; after the last step, the image.
func (s TextStep) Image(ctx context.Context, i int) (image.Image, error) {
	z, err := s.Latent(i)
	if err != nil {
		return nil, err
	}
	img, _, err := s.p.decode(ctx, s.code, z, s.j)
	return s.approved(img, i, err)
}

// Generate draws the images of r. A canceled ctx ends it within an operation of the network, with ctx's
// error.
func (p *TextToImage) Generate(ctx context.Context, r TextRequest) (TextResult, error) {
	return p.GenerateFunc(ctx, r, nil)
}

// GenerateFunc is Generate with a function that is called after each step; an error of its own ends the
// run.
func (p *TextToImage) GenerateFunc(ctx context.Context, r TextRequest, progress func(TextStep) error) (TextResult, error) {
	start := time.Now()
	j, err := p.resolve(r)
	if err != nil {
		return TextResult{}, err
	}
	res := TextResult{Plan: j.plan, Parameters: p.parameters(j)}
	for s, err := range p.steps(ctx, j) {
		if err != nil {
			return TextResult{}, err
		}
		if progress != nil {
			if err := progress(s); err != nil {
				return TextResult{}, err
			}
		}
		if s.Stage < s.Stages {
			continue
		}
		if res.Images, err = s.p.collect(ctx, s.j, s); err != nil {
			return TextResult{}, err
		}
		if j.DenoisingEnd != 0 {
			if res.Latents, err = j.left(s); err != nil {
				return TextResult{}, err
			}
		}
	}
	res.Evaluations = p.evaluations(j)
	res.Elapsed = time.Since(start)
	return res, nil
}

// Steps is an iterator over the steps of r, for callers who show or store what happens in between; Steps
// itself keeps nothing. Breaking out of the loop frees everything.
func (p *TextToImage) Steps(ctx context.Context, r TextRequest) iter.Seq2[TextStep, error] {
	j, err := p.resolve(r)
	if err != nil {
		return func(yield func(TextStep, error) bool) { yield(TextStep{}, err) }
	}
	return p.steps(ctx, j)
}

func (p *TextToImage) steps(ctx context.Context, j *textJob) iter.Seq2[TextStep, error] {
	if j.refined != nil {
		return p.ensemble(ctx, j)
	}
	return p.alone(ctx, j)
}

// alone are the steps of a job by the model itself.
func (p *TextToImage) alone(ctx context.Context, j *textJob) iter.Seq2[TextStep, error] {
	return func(yield func(TextStep, error) bool) {
		reqs, held, err := p.requests(ctx, j)
		if err != nil {
			yield(TextStep{}, err)
			return
		}
		m, err := p.denoiser(j, held)
		if err != nil {
			yield(TextStep{}, err)
			return
		}
		code := p.parts.codec(p.vae)
		for s, err := range p.sample(ctx, m, reqs) {
			if err != nil {
				yield(TextStep{}, err)
				return
			}
			done := j.Resume.stage()
			if !yield(TextStep{Stage: done + s.Stage, Stages: done + s.Stages, s: s, held: held, j: j, code: code, p: p}, nil) {
				return
			}
		}
	}
}

// denoiser is the network where it runs, for the size of a job. On a GPU what stays of an image is brought to each
// noise level by the sampler itself, see [sampler.Inpaint].
func (p *TextToImage) denoiser(j *textJob, held *heldPart) (sampler.Model, error) {
	if p.net != nil {
		m := p.net.At(j.shape[1], j.shape[2])
		if j.PAGScale == 0 {
			return m, nil
		}
		return m.Perturbed(j.perturbation())
	}
	m, err := p.hostDenoiser(j)
	if err != nil {
		return nil, err
	}
	if held != nil {
		m = newHeldModel(m, held, j.Resume.stage())
	}
	return gpu.OnHost(m), nil
}

// hostDenoiser is the network on the CPU, for the size of a job.
func (p *TextToImage) hostDenoiser(j *textJob) (sampler.Model, error) {
	if p.joint != nil {
		return p.joint.denoiser(j.shape[1], j.shape[2], p.pool)
	}
	m, err := p.unet.Denoiser(j.shape[1], j.shape[2], p.pool)
	if err != nil {
		return nil, err
	}
	if err := m.SetPerturbed(j.perturbed); err != nil {
		return nil, err
	}
	return m, nil
}

// requests returns the sampler's requests of a job, one for each image, and what stays of an image in in-painting.
func (p *TextToImage) requests(ctx context.Context, j *textJob) ([]sampler.Request, *heldPart, error) {
	conds, err := p.conditions(ctx, j)
	if err != nil {
		return nil, nil, err
	}
	conds = j.perturb(conds)
	reqs := make([]sampler.Request, j.N)
	for i := range reqs {
		reqs[i] = sampler.Request{Plan: j.plan, Conds: conds, Seed: j.Seed + uint64(i)}
		switch {
		case j.Image != nil || j.Resume != nil:
		case j.Latents != nil:
			reqs[i].Init = j.goesOn(i)
		case j.RNG != "":
			reqs[i].Init = make([]float32, j.elems())
			drawer(j.RNG, reqs[i].Seed)(reqs[i].Init, 0)
		}
		if j.RNG == diffusersRNG {
			start := 1
			if j.Latents != nil {
				start = 0
			}
			reqs[i].Noise = laterNoise(reqs[i].Seed, start, j.plan)
		}
	}
	var held *heldPart
	if j.Image != nil && (j.Resume == nil || j.Mask != nil) {
		if held, err = p.starts(ctx, j, reqs); err != nil {
			return nil, nil, err
		}
	}
	if err := j.Resume.resume(reqs); err != nil {
		return nil, nil, err
	}
	if held != nil {
		for i := range reqs {
			held.clean[i] = reqs[i].Inpaint.Known
		}
	}
	return reqs, held, nil
}

func (p *TextToImage) collect(ctx context.Context, j *textJob, s TextStep) ([]TextImage, error) {
	images := make([]TextImage, j.N)
	for i := range images {
		z, err := s.Latent(i)
		if err != nil {
			return nil, err
		}
		img, x, err := p.decode(ctx, s.code, z, j)
		if err != nil {
			return nil, err
		}
		if err := p.approve(img, i, j.Seed+uint64(i)); err != nil {
			return nil, err
		}
		images[i] = TextImage{Image: img, Seed: j.Seed + uint64(i), Latent: z, Sample: x}
	}
	return images, nil
}
