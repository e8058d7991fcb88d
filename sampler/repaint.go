package sampler

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// RePaint is the resampling of Lugmayr et al., "RePaint: Inpainting using Denoising Diffusion Probabilistic
// Models" (2022), arXiv:2201.09865, section 4.2: every Jump steps of [DDIM] the sample goes Jump steps back to
// the noise and down again, Samples-1 times, so that what is generated fits what is known. The known part is
// that of [Request.Inpaint]; without one this is a sampler that corrects its own errors.
//
// The way back is one stage: the noise of Jump steps of the forward process has the law of one draw.
type RePaint struct {
	Eta         float64 // 0 to 1; the paper has DDPM's noise, 1
	KeepEpsilon bool    // see [DDIM]
	Jump        int     // steps to go back, j in the paper; 0 means 10
	Samples     int     // how often those steps are run, r in the paper; 0 means 10
}

// Name implements [Sampler].
func (RePaint) Name() string { return "repaint" }

// maxVisits bounds the steps of a plan.
const maxVisits = 100_000

// Plan implements [Sampler].
func (o RePaint) Plan(pts []schedule.Point) (*Plan, error) {
	jump, samples := nonZero(o.Jump, 10), nonZero(o.Samples, 10)
	if jump < 1 || samples < 1 || samples > 1000 {
		return nil, &PlanError{Sampler: o.Name(), Step: -1, Detail: fmt.Sprintf("jump length %d, %d samples: want "+
			"at least 1 and at most 1000 samples", jump, samples)}
	}
	steps, err := DDIM{Eta: o.Eta, KeepEpsilon: o.KeepEpsilon}.Plan(pts)
	if err != nil {
		return nil, err
	}
	p := &Plan{}
	var n draws
	left := map[int]int{} // jumps from the end of a step
	last := len(pts) - 2
	if visits := len(pts) * samples; visits > maxVisits {
		return nil, &PlanError{Sampler: o.Name(), Step: -1,
			Detail: fmt.Sprintf("%d steps with all samples: want at most %d", visits, maxVisits)}
	}
	for i := last; i >= jump; i -= jump {
		left[i] = samples - 1
	}
	for i := 0; i <= last; i++ {
		st := steps.Stages[i]
		if o.Eta > 0 {
			st.Draws[0] = n.next()
		}
		st.Final = !revisited(left, i, jump)
		p.Stages = append(p.Stages, st)
		if left[i] > 0 {
			left[i]--
			back := renoise(pts[i+1], pts[i+1-jump], n.next())
			back.Step = i
			p.Stages = append(p.Stages, back)
			i -= jump
		}
	}
	return p, nil
}

// revisited tells whether a jump that is left leads to step i again.
func revisited(left map[int]int, i, jump int) bool {
	for k := i; k < i+jump; k++ {
		if left[k] > 0 {
			return true
		}
	}
	return false
}
