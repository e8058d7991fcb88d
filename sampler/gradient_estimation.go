package sampler

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// GradientEstimation is the sampler of Permenter and Yuan, "Interpreting and Improving Diffusion Models from an
// Optimization Perspective" (2023), arXiv:2306.04848, Algorithm 2 (ComfyUI's sample_gradient_estimation). The
// epsilons are noisy gradients of the distance to the data; a step goes along an extrapolation of the newest two.
// With s = sigma/alpha, y = x/alpha:
//
//	y' = y + (s[t]-s[s])*( Gamma*epsilon[i] + (1-Gamma)*epsilon[i-1] )
//
// The first step has epsilon[0] alone, and a step to sigma 0 ends at D. Gamma 1 is [Euler], of order 1 as
// all are but 1.5, which is of order 2.
type GradientEstimation struct {
	Gamma *float64 // nil means 2

	// CFGPP takes the epsilons of the unconditional prediction and the newest one from the guided clean sample,
	// see [CFGPP]: y' = D + s[t]*epsilon[i] + (s[t]-s[s])*(Gamma-1)*(epsilon[i] - epsilon[i-1]).
	CFGPP bool
}

// Name implements [Sampler].
func (GradientEstimation) Name() string { return "gradient_estimation" }

// Plan implements [Sampler].
func (o GradientEstimation) Plan(pts []schedule.Point) (*Plan, error) {
	gamma := valueOr(o.Gamma, 2)
	if !(gamma >= 1 && gamma <= 5) {
		return nil, &PlanError{Sampler: o.Name(), Step: -1, Detail: fmt.Sprintf("gamma %v: want 1 to 5", gamma)}
	}
	if o.CFGPP {
		return o.guided(pts, gamma)
	}
	return adams(o.Name(), pts, 2, func(i int) []float64 {
		dt := level(pts[i+1]) - level(pts[i])
		if i == 0 || pts[i+1].Sigma == 0 {
			return []float64{dt}
		}
		return []float64{gamma * dt, (1 - gamma) * dt}
	})
}

func (o GradientEstimation) guided(pts []schedule.Point, gamma float64) (*Plan, error) {
	if pts[0].Alpha == 0 {
		return nil, noSignal(o.Name())
	}
	p := &Plan{}
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		now := Row{X: 1 / s.Sigma, Unc: -s.Alpha / s.Sigma}
		st := Stage{At: s, Eval: true, Step: i, Final: true, X: Row{D: t.Alpha}.plus(t.Sigma, now)}
		if i > 0 && t.Sigma > 0 {
			extra := t.Alpha * (level(t) - level(s)) * (gamma - 1)
			st.X = st.X.plus(extra, now)
			st.X.H[0] = -extra
		}
		if i+2 < len(pts) {
			st.Push = &now
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}
