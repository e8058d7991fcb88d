package pipeline

import (
	"fmt"
	"image"
	"math"
	"slices"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// NoisyLatents are what a run with [TextRequest.DenoisingEnd] leaves, and one with DenoisingStart goes on from: latents z
// with noise, alpha*z + sigma*noise, in the scale of the sampler that made them.
type NoisyLatents struct {
	Samples       [][]float32 // of each image, [TextInfo.Latents, Height, Width]
	Height, Width int         // of the latents
	Alpha, Sigma  float64
}

// resolveRange checks the part of the noise levels that a request runs, and takes the size of its latents.
func (p *TextToImage) resolveRange(j *textJob) error {
	bad := func(field string, v any, want string) error { return &RequestError{Field: field, Value: v, Want: want} }
	if j.end == 0 {
		j.end = j.DenoisingEnd
	}
	l := j.Latents
	for _, s := range []struct {
		field string
		v     float64
	}{{"denoising start", j.DenoisingStart}, {"denoising end", j.end}} {
		switch {
		case s.v == 0:
		case !(s.v > 0 && s.v < 1):
			return bad(s.field, s.v, "a share above 0 and below 1")
		case p.sched.noise == nil || p.flows():
			return bad(s.field, s.v, "none with "+p.info.Scheduler+", whose levels have no training timesteps")
		case j.Mask != nil:
			return bad(s.field, s.v, "none beside a mask")
		case j.Brownian:
			return bad(s.field, s.v, "none with Brownian noise, whose path is of all noise levels")
		}
	}
	switch {
	case j.end != 0 && j.DenoisingStart >= j.end:
		return bad("denoising start", j.DenoisingStart, fmt.Sprintf("less than the end, %v", j.end))
	case l == nil && !j.refines && j.Resume == nil && j.DenoisingStart != 0:
		return bad("denoising start", j.DenoisingStart, "latents of a run that ended there")
	case l == nil:
		return nil
	case j.DenoisingStart == 0:
		return bad("latents", len(l.Samples), "a denoising start with them")
	case j.Image != nil:
		return bad("latents", len(l.Samples), "none beside an image")
	case len(l.Samples) != j.N:
		return bad("latents", len(l.Samples), fmt.Sprintf("those of %d images", j.N))
	case l.Height < 1 || l.Width < 1 || l.Height > maxTextSide || l.Width > maxTextSide:
		return bad("latents", fmt.Sprintf("of %dx%d", l.Width, l.Height), "a size")
	case !(l.Alpha > 0 && l.Alpha <= 1 && l.Sigma >= 0 && l.Sigma <= math.MaxFloat32):
		return bad("latents", fmt.Sprintf("of alpha %v, sigma %v", l.Alpha, l.Sigma), "an alpha above 0, at most 1, and a finite sigma")
	}
	size := image.Pt(l.Width*p.info.Factor, l.Height*p.info.Factor)
	if j.Height == 0 && j.Width == 0 {
		j.Height, j.Width = size.Y, size.X
	}
	if size != image.Pt(j.Width, j.Height) {
		return bad("latents", fmt.Sprintf("of %dx%d pixels", size.X, size.Y), fmt.Sprintf("the size asked for, %dx%d", j.Width, j.Height))
	}
	for _, x := range l.Samples {
		if want := p.info.Latents * l.Height * l.Width; len(x) != want {
			return bad("latents", len(x), fmt.Sprintf("%d elements", want))
		}
		if !finite(x) {
			return bad("latents", "not all finite", "finite numbers")
		}
	}
	return nil
}

// stepsBefore is how many steps of a plan are before a share of the training timesteps was left behind: those at or
// above timestep T - share*T, rounded (diffusers, StableDiffusionXLPipeline, denoising_end).
func (p *TextToImage) stepsBefore(plan *sampler.Plan, share float64) int {
	T := float64(p.sched.noise.Timesteps())
	cutoff := math.RoundToEven(T - float64(share*T))
	n, first := 0, true
	for _, st := range plan.Stages {
		if first && st.At.T < cutoff {
			break
		}
		if first = st.Final; first {
			n++
		}
	}
	return n
}

// started is how many of a plan's steps a request leaves out at its start.
func (p *TextToImage) started(j *textJob, plan *sampler.Plan) (int, error) {
	if j.DenoisingStart == 0 {
		return p.skipped(j)
	}
	n := p.stepsBefore(plan, j.DenoisingStart)
	if n == plan.Steps() {
		return 0, &RequestError{Field: "denoising start", Value: j.DenoisingStart,
			Want: fmt.Sprintf("one that leaves at least one of %d steps", n)}
	}
	return n, nil
}

// endPlan leaves out the steps after the end of a job, and keeps the level where it ends.
func (p *TextToImage) endPlan(j *textJob) error {
	if j.end == 0 {
		return nil
	}
	n := p.stepsBefore(j.plan, j.end)
	if n == 0 {
		return &RequestError{Field: "denoising end", Value: j.end, Want: fmt.Sprintf("one that leaves at least one of %d steps", j.plan.Steps())}
	}
	j.level = schedule.Point{Alpha: 1}
	for i, st := range j.plan.Stages {
		if st.Final {
			n--
		}
		if n == 0 {
			if i+1 < len(j.plan.Stages) {
				j.level = j.plan.Stages[i+1].At
			}
			cut := *j.plan
			cut.Stages = cut.Stages[: i+1 : i+1]
			j.plan = &cut
			return nil
		}
	}
	return nil
}

// goesOn is what image i starts from, in the scale of the plan's sampler.
func (j *textJob) goesOn(i int) []float32 {
	x := slices.Clone(j.Latents.Samples[i])
	if scale := j.plan.Stages[0].At.Alpha / j.Latents.Alpha; scale != 1 {
		for k := range x {
			x[k] = float32(scale * float64(x[k]))
		}
	}
	return x
}

// left are the latents of a job that ended before all noise was gone.
func (j *textJob) left(s TextStep) (*NoisyLatents, error) {
	l := &NoisyLatents{Height: j.shape[1], Width: j.shape[2], Alpha: j.level.Alpha, Sigma: j.level.Sigma}
	for i := range j.N {
		x, err := s.Latent(i)
		if err != nil {
			return nil, err
		}
		if !finite(x) {
			return nil, ErrNotFinite
		}
		l.Samples = append(l.Samples, x)
	}
	return l, nil
}
