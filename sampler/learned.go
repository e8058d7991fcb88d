package sampler

import (
	"fmt"
	"math"
)

// Learned makes the noise n0 of a stage as large as the network says, element by element. With v what the first
// condition's evaluation wrote to Eval.Variance, whatever the guidance:
//
//	n0 = exp(Bias + Gain*v) * noise     the logarithm of the standard deviation is learned
//	n0 = sqrt(max(v, 0)) * noise        Root: the variance itself is
//
// Nichol and Dhariwal, "Improved Denoising Diffusion Probabilistic Models" (2021), arXiv:2102.09672, section 3.1.
type Learned struct {
	Bias, Gain float64
	Root       bool
}

// LearnsVariance tells whether the plan needs a network that predicts a variance, see [VarianceModel].
func (p *Plan) LearnsVariance() bool {
	for i := range p.Stages {
		if p.Stages[i].Learned != nil {
			return true
		}
	}
	return false
}

// VarianceModel is a Model that may predict a variance: it also fills e.Variance where that is not nil.
type VarianceModel interface {
	Model
	PredictsVariance() bool
}

// PredictsVariance tells whether m is a [VarianceModel] that predicts one; a Model around another asks it of that.
func PredictsVariance(m Model) bool {
	v, ok := m.(VarianceModel)
	return ok && v.PredictsVariance()
}

// checkVariance refuses plans that learn the variance from a model that has none.
func checkVariance(m Model, reqs []Request) error {
	if PredictsVariance(m) {
		return nil
	}
	for i := range reqs {
		if reqs[i].Plan.LearnsVariance() {
			return &RequestError{Row: i, Field: "plan", Detail: "takes its noise from a variance that the network predicts, and " +
				"this one predicts none: want a sampler of a fixed variance, such as ddpm"}
		}
	}
	return nil
}

// learnedRange interpolates the logarithm of the variance between the smaller of the fixed ones, at v = -1, and the
// larger, at v = 1 (equation 15 of arXiv:2102.09672):
//
//	log variance = (v+1)/2*log(large) + (1-v)/2*log(small)
func learnedRange(small, large float64) *Learned {
	lo, hi := math.Log(math.Max(small, 1e-20)), math.Log(math.Max(large, 1e-20))
	return &Learned{Bias: (hi + lo) / 4, Gain: (hi - lo) / 4}
}

// check returns what is wrong with l in stage st, or "".
func (l *Learned) check(st *Stage) string {
	switch {
	case l == nil:
		return ""
	case !st.Eval:
		return "learns its noise's scale, but the network is not evaluated"
	case st.Draws[0] <= 0:
		return "learns the scale of n0, which has no draw"
	case !finite(l.Bias, l.Gain, float64(float32(l.Bias)), float64(float32(l.Gain))):
		return fmt.Sprintf("learned noise exp(%v + %v*v): want finite numbers", l.Bias, l.Gain)
	case l.Root && (l.Bias != 0 || l.Gain != 0):
		return "learned noise is a root and an exponential: want one of them"
	}
	return ""
}

// noise sets the noise of an ancestral step whose fixed variances are small and large.
func (v Variance) noise(st *Stage, small, large float64, n *draws) {
	small = math.Max(small, 1e-20) // the reference programs take its logarithm
	std := 1.0
	switch v {
	case FixedSmall:
		std = math.Sqrt(small)
	case FixedLarge:
		std = math.Sqrt(large)
	case LearnedLog:
		st.Learned = &Learned{Gain: 0.5}
	case LearnedVariance:
		st.Learned = &Learned{Root: true}
	case LearnedRange:
		st.Learned = learnedRange(small, large)
	}
	st.X.N[0], st.Draws[0] = std, n.next()
}
