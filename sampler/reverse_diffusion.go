package sampler

import (
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// ReverseDiffusion is the predictor of Song et al., "Score-Based Generative Modeling through Stochastic Differential
// Equations" (2020), arXiv:2011.13456, equation 46: the reverse SDE in the steps in which the forward process goes.
// From s = pts[i] to t = pts[i+1], with r = alpha[s]/alpha[t] and beta = sigma[s]^2 - r^2*sigma[t]^2:
//
//	x' = (2-r)*x + beta*score + sqrt(beta)*noise,   score = -(x - alpha[s]*D)/sigma[s]^2
//
// The last step adds no noise, as in the authors' program. Where alpha is 1 (variance exploding) it is [DDPM] with
// [FixedLarge] but for that. It is of order 1 and wants hundreds of steps; the corrector that the paper puts between
// them has a step size made of the norms of the sample and the score, which no table can hold.
type ReverseDiffusion struct{}

// Name implements [Sampler].
func (ReverseDiffusion) Name() string { return "reverse_diffusion" }

// Plan implements [Sampler].
func (ReverseDiffusion) Plan(pts []schedule.Point) (*Plan, error) {
	p := &Plan{}
	var n draws
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		beta, _ := posterior(s, t)
		c := beta / (s.Sigma * s.Sigma)
		st := Stage{At: s, Eval: true, Step: i, Final: true, X: Row{X: 2 - s.Alpha/t.Alpha - c, D: c * s.Alpha}}
		if i+2 < len(pts) {
			st.X.N[0], st.Draws[0] = math.Sqrt(beta), n.next()
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}
