package sampler

import (
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// Consistency is multistep consistency sampling of Song et al., "Consistency Models" (2023),
// arXiv:2303.01469, Algorithm 1. It needs a network distilled or trained for it; others give blurred images.
//
//	x' = alpha[t]*D + ScaleNoise*sqrt(sigma[t]^2 - (alpha[t]*SigmaMin)^2)*noise, in the last step alpha[t]*D
//
// D is the consistency function's value, with the boundary condition in the network's scaling. The published
// grid is that of Karras et al. 2022 from 80 to SigmaMin, where the function was trained.
type Consistency struct {
	SigmaMin   *float64 // sigma/alpha of the sample that the network gives; nil means 0.002
	ScaleNoise *float64 // s_noise in diffusers; nil means 1
}

// Name implements [Sampler].
func (Consistency) Name() string { return "consistency" }

// Plan implements [Sampler].
func (o Consistency) Plan(pts []schedule.Point) (*Plan, error) {
	lowest, scale := valueOr(o.SigmaMin, 0.002), valueOr(o.ScaleNoise, 1)
	if !finite(lowest, scale) || lowest < 0 || scale < 0 {
		return nil, &PlanError{Sampler: "consistency", Step: -1,
			Detail: fmt.Sprintf("sigma min %v, noise scale %v: want finite numbers, 0 or more", lowest, scale)}
	}
	p := &Plan{}
	var n draws
	for i := range len(pts) - 1 {
		t := pts[i+1]
		st := Stage{At: pts[i], Eval: true, Step: i, Final: true, X: Row{D: t.Alpha}}
		if i+2 < len(pts) {
			least := t.Alpha * lowest
			st.X.N[0] = scale * math.Sqrt(math.Max(t.Sigma*t.Sigma-least*least, 0))
			st.Draws[0] = n.next()
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}
