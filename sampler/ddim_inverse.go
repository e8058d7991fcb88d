package sampler

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// inversion is a sampler that may run from data to noise: its grid rises.
type inversion interface {
	rises() bool
}

// DDIMInverse runs the ODE of [DDIM] with Eta 0 backwards, from data to noise, as Dhariwal and Nichol,
// "Diffusion Models Beat GANs on Image Synthesis" (2021), arXiv:2105.05233, appendix F, do to encode. What
// comes out gives the data back under DDIM, up to the error of the steps. From s to t, which has more noise:
//
//	x' = alpha[t]*D + sigma[t]*(x - alpha[s]*D)/sigma[s]
//
// The sample to start from is given as [Request.Init]. The first point has sigma above 0.
type DDIMInverse struct {
	// KeepEpsilon takes the direction from the prediction before the clip, see [DDIM].
	KeepEpsilon bool

	// AtEnd tells the network the timestep of the step's end, as published code and diffusers do.
	AtEnd bool

	// Sources, when set, has one point for each step to start from in place of the grid's.
	Sources []schedule.Point
}

// Name implements [Sampler].
func (DDIMInverse) Name() string { return "ddim_inverse" }

func (DDIMInverse) rises() bool { return true }

// Plan implements [Sampler].
func (o DDIMInverse) Plan(pts []schedule.Point) (*Plan, error) {
	if o.Sources != nil && len(o.Sources) != len(pts)-1 {
		return nil, &PlanError{Sampler: o.Name(), Step: -1,
			Detail: fmt.Sprintf("%d sources for %d steps", len(o.Sources), len(pts)-1)}
	}
	p := &Plan{}
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		if o.Sources != nil {
			s = o.Sources[i]
		}
		if s.Sigma == 0 {
			return nil, &PlanError{Sampler: o.Name(), Step: i, Detail: "sigma 0 at the start: want it above 0, " +
				"or a clean sample cannot tell the network's noise"}
		}
		e := t.Sigma / s.Sigma
		st := Stage{At: s, Eval: true, Step: i, Final: true, X: Row{X: e, D: t.Alpha - e*s.Alpha}}
		if o.KeepEpsilon {
			st.X = Row{X: e, D: t.Alpha, Raw: -e * s.Alpha}
		}
		if o.AtEnd {
			st.At.T = t.T
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}

// checkRising is checkPoints for a grid from data to noise. Only the first step, from a grid's sigma_min to
// itself, and the last may stand still.
func checkRising(name string, pts []schedule.Point) error {
	if len(pts) < 2 {
		return checkPoints(name, pts)
	}
	for i, p := range pts {
		if err := checkPoint(name, i, p); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		q, slack := pts[i-1], 1.0
		still := i == 1 || i == len(pts)-1
		if still {
			slack = 1 + 1e-12
		}
		if a, b := p.Sigma*q.Alpha, q.Sigma*p.Alpha; !(a > b || still && a*slack >= b) {
			return &PlanError{Sampler: name, Step: i - 1, Detail: fmt.Sprintf(
				"sigma does not increase (t %v to t %v): want distinct, rising noise levels", q.T, p.T)}
		}
	}
	return nil
}
