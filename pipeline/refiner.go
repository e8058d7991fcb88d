package pipeline

import (
	"context"
	"errors"
	"fmt"
	"image"
	"iter"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// DefaultRefinerSwitch is the share of the noise levels after which the refiner goes on where a request does not say.
const DefaultRefinerSwitch = 0.8

// openRefiner opens the refiner of the options, which draws in the latents of the model.
func (p *TextToImage) openRefiner(o Options) error {
	dir := o.Refiner
	if dir == "" {
		return nil
	}
	o.Refiner, o.ControlNet, o.LoRAs = "", "", nil
	r, err := OpenText(dir, o)
	if err != nil {
		return err
	}
	a, b := p.info, r.info
	switch {
	case p.flows() || r.flows():
		err = errors.New("a model of a flow: want models of noise, of which one goes on where the other ends")
	case a.Latents != b.Latents || a.Factor != b.Factor || p.vae.Config().ScalingFactor != r.vae.Config().ScalingFactor:
		err = fmt.Errorf("latents of %d channels, %d pixels a side, scale %v: want %d, %d and %v, as %s has", b.Latents, b.Factor,
			r.vae.Config().ScalingFactor, a.Latents, a.Factor, p.vae.Config().ScalingFactor, a.Name)
	case b.Inpaint:
		err = errors.New("a network for in-painting: want one that takes latents alone")
	}
	if err != nil {
		return errors.Join(&OpenError{Path: dir, Err: err}, r.Close())
	}
	p.refiner, p.info.Refiner = r, b.Name
	return nil
}

// noRefiner refuses a refiner for models that are not text-to-image.
func noRefiner(o Options) error {
	if o.Refiner == "" {
		return nil
	}
	return &RequestError{Field: "Refiner", Value: fmt.Sprintf("%.80q", o.Refiner), Want: "none, or a text-to-image model"}
}

// Close ends the pipeline's threads and frees its device, and those of its refiner. It may be called twice.
func (p *TextToImage) Close() error {
	err := p.place.Close()
	if p.refiner != nil {
		err = errors.Join(err, p.refiner.Close())
	}
	return err
}

// resolveSwitch says where the model of a job ends for its refiner to go on.
func (p *TextToImage) resolveSwitch(j *textJob) error {
	at := j.RefinerSwitch
	bad := func(want string) error { return &RequestError{Field: "refiner switch", Value: at, Want: want} }
	if p.refiner == nil {
		if at != 0 {
			return bad("none: the model was opened without a refiner")
		}
		return nil
	}
	if at == 0 {
		at = DefaultRefinerSwitch
	}
	switch {
	case !(at > 0 && at <= 1):
		return bad("a share above 0, at most 1, which is no refiner")
	case at == 1:
	case j.DenoisingStart != 0 || j.DenoisingEnd != 0:
		return bad("1, which is no refiner, beside a denoising start or end")
	case j.Resume != nil:
		return bad("1, which is no refiner, beside a saved run")
	case j.Guiding.Start != 0 || j.Guiding.Stop != 0 || j.Guiding.ZeroInit != 0:
		return bad("1, which is no refiner, beside guidance in some of the steps")
	default:
		j.end = at
	}
	j.RefinerSwitch = at
	return nil
}

// resolveRefined makes the job of the refiner, which is given the latents when they are there.
func (p *TextToImage) resolveRefined(j *textJob) (err error) {
	if p.refiner == nil || j.RefinerSwitch == 1 {
		return nil
	}
	r := j.TextRequest
	r.DenoisingStart, r.RefinerSwitch = j.RefinerSwitch, 0
	// Of the start and of the model alone.
	r.Image, r.Strength, r.ExactSteps = nil, 0, false
	r.Control, r.ControlScale, r.ControlGuess = nil, 0, false
	r.PAGScale, r.PAGLayers, r.PAGSkip, r.ClipSkip = 0, nil, nil, 0
	if !p.refiner.info.XL {
		r.Original, r.Target, r.Crop = image.Point{}, image.Point{}, image.Point{}
	}
	j.refined, err = p.refiner.resolveJob(&textJob{TextRequest: r, refines: true})
	return err
}

// ensemble runs the model of a job and then its refiner: "ensemble of expert denoisers" (Podell et al., 2023,
// arXiv:2307.01952, section 2.5). The stages are those of both.
func (p *TextToImage) ensemble(ctx context.Context, j *textJob) iter.Seq2[TextStep, error] {
	return func(yield func(TextStep, error) bool) {
		own, more := len(j.plan.Stages), len(j.refined.plan.Stages)
		refined := *j.refined // a job may be run by several iterators
		for s, err := range p.alone(ctx, j) {
			if err == nil && s.Stage == s.Stages {
				refined.Latents, err = j.left(s)
			}
			s.Stages += more
			if !yield(s, err) || err != nil {
				return
			}
		}
		for s, err := range p.refiner.alone(ctx, &refined) {
			s.Stage, s.Stages = s.Stage+own, s.Stages+own
			if !yield(s, err) || err != nil {
				return
			}
		}
	}
}

// evaluations is how often the networks are evaluated for a job.
func (p *TextToImage) evaluations(j *textJob) int {
	n := j.N * j.Resume.evaluations(j.plan, len(j.parts)+j.pagConditions(p.guided(j)))
	if j.refined != nil {
		n += p.refiner.evaluations(j.refined)
	}
	return n
}

// laterDraws makes the noise of a plan that goes on where other steps ended another than theirs.
func laterDraws(plan *sampler.Plan, before int) {
	for i := range plan.Stages {
		for k, d := range plan.Stages[i].Draws {
			if d > 0 {
				plan.Stages[i].Draws[k] = d + before
			}
		}
	}
}
