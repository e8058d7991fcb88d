package pipeline

import (
	"context"
	"fmt"
	"image"
	"slices"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/torchrand"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// DefaultStrength is how much of an image is drawn anew where a request does not say, and DefaultFlowStrength with
// Stable Diffusion 3 and FLUX.1: as diffusers. With a mask, what it covers is drawn anew in whole.
const (
	DefaultStrength     = 0.8
	DefaultFlowStrength = 0.6
)

// Planes converts an image to a sample [3, H, W] within -1..1, the inverse of [Pixels]. What is transparent
// keeps its color.
func Planes(img image.Image) []float32 {
	x := unitPlanes(img)
	for i, v := range x {
		x[i] = 2*v - 1
	}
	return x
}

// resolveImage takes the size of the image of a request and checks the strength.
func (p *TextToImage) resolveImage(j *textJob) error {
	if j.Image == nil {
		if j.Strength != 0 {
			return &RequestError{Field: "strength", Value: j.Strength, Want: "none without an image"}
		}
		if j.ExactSteps {
			return &RequestError{Field: "exact steps", Value: true, Want: "an image, of which a strength is drawn anew"}
		}
		return nil
	}
	size := j.Image.Bounds().Size()
	if j.Height == 0 && j.Width == 0 {
		j.Height, j.Width = size.Y, size.X
	}
	if size != image.Pt(j.Width, j.Height) || j.Image.Bounds().Empty() { // also where Max is beyond all numbers
		return &RequestError{Field: "image", Value: fmt.Sprintf("of %dx%d", size.X, size.Y),
			Want: fmt.Sprintf("the size asked for, %dx%d", j.Width, j.Height)}
	}
	if j.Strength == 0 {
		switch {
		case j.Mask != nil:
			j.Strength = 1
		case p.flows():
			j.Strength = DefaultFlowStrength
		case p.info.Aesthetic:
			j.Strength = refinerStrength
		default:
			j.Strength = DefaultStrength
		}
	}
	if !(j.Strength > 0 && j.Strength <= 1) {
		return &RequestError{Field: "strength", Value: j.Strength, Want: "a number above 0, at most 1"}
	}
	return nil
}

// skipped is how many of a request's steps its strength leaves out: as in diffusers' get_timesteps, those
// that remain are the last int(steps*strength), for flows see flowSkipped. With ExactSteps it is none.
func (p *TextToImage) skipped(j *textJob) (int, error) {
	if j.Image == nil || j.ExactSteps {
		return 0, nil
	}
	if p.flows() {
		return flowSkipped(j.Steps, j.Strength), nil
	}
	run := min(int(float64(j.Steps)*j.Strength), j.Steps)
	if run < 1 {
		return 0, &RequestError{Field: "strength", Value: j.Strength,
			Want: fmt.Sprintf("at least one of %d steps: %v or more", j.Steps, 1/float64(j.Steps))}
	}
	return j.Steps - run, nil
}

// cutPlan drops the first steps of a plan, and tells whether the others do without them: a multistep
// sampler's do not.
func cutPlan(p *sampler.Plan, steps int) (*sampler.Plan, bool) {
	cut := *p
	for len(cut.Stages) > 0 && steps > 0 {
		if cut.Stages[0].Final {
			steps--
		}
		cut.Stages = cut.Stages[1:]
	}
	var base bool
	var history [sampler.Slots]bool
	cut.Stages = slices.Clone(cut.Stages)
	for i := len(cut.Stages) - 1; i >= 0; i-- {
		cut.Stages[i].Step -= cut.Stages[0].Step
	}
	for i := range cut.Stages {
		st := &cut.Stages[i]
		for _, row := range []*sampler.Row{&st.X, st.Base, st.Push} {
			if row == nil {
				continue
			}
			if row.Base != 0 && !base {
				return nil, false
			}
			for k, h := range row.H {
				if h != 0 && !history[k] {
					return nil, false
				}
			}
		}
		base = base || st.Base != nil
		if st.Push != nil {
			history[st.Slot] = true
		}
	}
	return &cut, len(cut.Stages) > 0
}

// cutGrid drops the first points of a grid, so that a sampler starts at a later one. Those of a curve are
// given by their noise levels.
func cutGrid(g schedule.Grid, pts []schedule.Point, steps int) schedule.Grid {
	for _, pt := range pts[steps : len(pts)-1] {
		if g.Curve == schedule.ByTimestep {
			g.Timesteps = append(g.Timesteps, pt.T)
		} else {
			g.Sigmas = append(g.Sigmas, pt.Sigma/pt.Alpha)
		}
	}
	g.Curve = schedule.ByTimestep
	return g
}

// encodeImage is the posterior of an image [3, H, W] of the size of a job.
func (p *TextToImage) encodeImage(ctx context.Context, j *textJob, x []float32) (model.Posterior, error) {
	post, err := p.parts.codec(p.vae).Encode(ctx, x, 1, j.Height, j.Width)
	if err == nil && (post.Height != j.shape[1] || post.Width != j.shape[2]) {
		err = fmt.Errorf("vae: latents of %dx%d for an image of %dx%d: want %dx%d", post.Width, post.Height,
			j.Width, j.Height, j.shape[2], j.shape[1])
	}
	return post, err
}

// starts fills in the samples that the requests of a job start from: the latents of its image with the
// noise of the first step,
//
//	x = alpha*z + sigma*noise
//
// z being drawn from the autoencoder's posterior, or the noise alone, see fromNoise. As in diffusers, one after the
// other are drawn the noises of the posterior, where z is used, of the start, and of the masked image's posterior.
func (p *TextToImage) starts(ctx context.Context, j *textJob, reqs []sampler.Request) (*heldPart, error) {
	mask, err := p.readMask(ctx, j)
	if err != nil {
		return nil, err
	}
	var post model.Posterior
	encoded := !j.fromNoise() || mask != nil && mask.held != nil
	if encoded {
		if post, err = p.encodeImage(ctx, j, Planes(j.Image)); err != nil {
			return nil, err
		}
	}
	noise := make([]float32, j.elems())
	for i := range reqs {
		drawn, next := 0, drawer(j.RNG, reqs[i].Seed)
		draw := func(x []float32, draw int) {
			drawn++
			next(x, draw)
		}
		var z []float32
		if encoded {
			draw(noise, posteriorDraw)
			if z, err = post.Sample(noise); err != nil {
				return nil, err
			}
			p.vae.Scale(z)
		}
		draw(noise, 0)
		reqs[i].Init = j.initial(z, noise)
		if mask != nil {
			if err := mask.start(p, &reqs[i], z, noise, draw); err != nil {
				return nil, err
			}
		}
		if j.RNG == diffusersRNG {
			reqs[i].Noise = laterNoise(reqs[i].Seed, drawn, j.plan)
		}
	}
	if mask == nil {
		return nil, nil
	}
	return mask.held, nil
}

// initial is what an image starts from: its latents with noise, or noise alone.
func (j *textJob) initial(z, noise []float32) []float32 {
	x := slices.Clone(noise)
	if !j.fromNoise() {
		at := j.plan.Stages[0].At
		for k := range x {
			x[k] = float32(float64(at.Alpha*float64(z[k])) + float64(at.Sigma*float64(noise[k])))
		}
	}
	return x
}

// posteriorDraw and maskedDraw are the draws of our own noise that posteriors take. No plan has as many.
const (
	posteriorDraw = 1<<30 + iota
	maskedDraw
)

// drawFunc draws noise: of our own a draw by its number, of torch's the next.
type drawFunc func(x []float32, draw int)

// drawer returns what draws the noises of a seed.
func drawer(rng string, seed uint64) drawFunc {
	switch rng {
	case "torch-cpu", diffusersRNG:
		g := torchrand.NewCPU(seed)
		return func(x []float32, _ int) { g.Randn(x) }
	case "torch-cuda":
		g := torchrand.NewCUDA(seed)
		return func(x []float32, _ int) { g.Randn(x) }
	}
	return func(x []float32, draw int) { gpu.Normals(x, seed, draw, 0) }
}
