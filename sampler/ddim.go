package sampler

import (
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// DDIM is the implicit sampler of Song, Meng and Ermon, "Denoising Diffusion Implicit Models" (2020),
// arXiv:2010.02502, equations 12 and 16.
//
// From s = pts[i] to t = pts[i+1], with epsilon = (x - alpha[s]*D)/sigma[s]:
//
//	x'  = alpha[t]*D + sqrt(sigma[t]^2 - std^2)*epsilon + std*noise
//	std = Eta * sqrt((1-abar[t])/(1-abar[s]) * (1 - abar[s]/abar[t]))
//
// Eta 0 is deterministic, 1 has the noise of [DDPM]. Where a clip applies, D is the clipped prediction
// and epsilon belongs to it; with KeepEpsilon epsilon stays that of the unclipped prediction.
type DDIM struct {
	Eta float64 // 0 to 1

	// KeepEpsilon takes the direction from the prediction before the clip, as the textbook and diffusers'
	// default do. D and epsilon then contradict each other wherever the clip bites, which with guidance is
	// everywhere: samples turn grey and lose their class. Kept for exact comparison.
	KeepEpsilon bool

	// Targets, when set, has one point for each step to go to in place of the next grid point. diffusers
	// steps to timestep t - T/steps whatever the next one is, which differs for linspace spacing.
	Targets []schedule.Point
}

// Name implements [Sampler].
func (DDIM) Name() string { return "ddim" }

// Plan implements [Sampler].
func (o DDIM) Plan(pts []schedule.Point) (*Plan, error) {
	if !(o.Eta >= 0 && o.Eta <= 1) {
		return nil, &PlanError{Sampler: "ddim", Step: -1, Detail: fmt.Sprintf("eta %v: want 0 to 1", o.Eta)}
	}
	if o.Targets != nil && len(o.Targets) != len(pts)-1 {
		return nil, &PlanError{Sampler: "ddim", Step: -1,
			Detail: fmt.Sprintf("%d targets for %d steps", len(o.Targets), len(pts)-1)}
	}
	p := &Plan{}
	var n draws
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		if o.Targets != nil {
			t = o.Targets[i]
		}
		_, small := posterior(s, t)
		std := o.Eta * math.Sqrt(small)
		dir := math.Sqrt(math.Max(t.Sigma*t.Sigma-std*std, 0)) / s.Sigma // of x - alpha*D
		st := Stage{At: s, Eval: true, Step: i, Final: true}
		st.X = Row{X: dir, D: t.Alpha - dir*s.Alpha}
		if o.KeepEpsilon {
			st.X = Row{X: dir, D: t.Alpha, Raw: -dir * s.Alpha}
		}
		if o.Eta > 0 {
			st.X.N[0], st.Draws[0] = std, n.next()
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}
