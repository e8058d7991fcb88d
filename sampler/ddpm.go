package sampler

import (
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// Variance chooses the noise of an ancestral step. The two fixed ones bound the true one (Ho et al. 2020,
// section 3.2); the learned ones are what a network predicts beside the noise, see [Learned].
type Variance int

// The variances. The zero value is FixedSmall.
const (
	FixedSmall      Variance = iota // the posterior variance, right when x0 is one point
	FixedLarge                      // beta, right when x0 is standard normal; the textbook's sigma = sqrt(beta)
	LearnedRange                    // where between the two, in their logarithms, from -1 to 1
	LearnedLog                      // the logarithm of the variance
	LearnedVariance                 // the variance; below 0 it counts as 0
)

// DDPM is ancestral sampling, Ho, Jain and Abbeel, "Denoising Diffusion Probabilistic Models" (2020),
// arXiv:2006.11239, Algorithm 2 and equations 6 and 7.
//
// From s = pts[i] to t = pts[i+1], with r = alpha[s]/alpha[t] and beta = sigma[s]^2 - r^2*sigma[t]^2:
//
//	mean     = r*sigma[t]^2/sigma[s]^2 * x + alpha[t]*beta/sigma[s]^2 * D
//	variance = beta*sigma[t]^2/sigma[s]^2   FixedSmall, at least 1e-20
//	           beta                         FixedLarge
//	           learned                      LearnedRange, LearnedLog, LearnedVariance
//
// Without a clip the mean is the paper's (x - beta/sqrt(1-abar)*epsilon)/sqrt(alpha). No noise is added at
// timestep 0.
type DDPM struct {
	Variance Variance
}

// Name implements [Sampler].
func (DDPM) Name() string { return "ddpm" }

// Plan implements [Sampler].
func (o DDPM) Plan(pts []schedule.Point) (*Plan, error) {
	if o.Variance < FixedSmall || o.Variance > LearnedVariance {
		return nil, &PlanError{Sampler: "ddpm", Step: -1, Detail: fmt.Sprintf("variance %d: want one of the constants", int(o.Variance))}
	}
	p := &Plan{}
	var n draws
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		beta, small := posterior(s, t)
		vs := s.Sigma * s.Sigma
		st := Stage{At: s, Eval: true, Step: i, Final: true}
		st.X = Row{X: s.Alpha / t.Alpha * t.Sigma * t.Sigma / vs, D: t.Alpha * beta / vs}
		if s.T > 0 {
			o.Variance.noise(&st, small, beta, &n)
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}

// posterior returns the variance beta that the forward process adds between t and s, and the variance of
// the sample at t given the samples at s and 0. For variance-preserving points:
//
//	beta  = 1 - abar[s]/abar[t]
//	small = (1-abar[t])/(1-abar[s]) * beta
func posterior(s, t schedule.Point) (beta, small float64) {
	r := s.Alpha / t.Alpha
	beta = math.Max(s.Sigma*s.Sigma-r*r*t.Sigma*t.Sigma, 0)
	return beta, beta * t.Sigma * t.Sigma / (s.Sigma * s.Sigma)
}
