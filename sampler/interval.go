package sampler

// Guidance is what a stage makes of the conditions' outputs.
type Guidance int

// The kinds of guidance.
const (
	GuideAll   Guidance = iota // the weighted sum
	GuideFirst                 // the first condition's output alone
	GuideNone                  // zero
)

// WithInterval guides within a share of the steps only (Kynkäänniemi et al., "Applying Guidance in a Limited
// Interval Improves Sample and Distribution Quality in Diffusion Models", 2024, arXiv:2404.07724): steps
// from int(start*steps) up to, but not, int(stop*steps), as diffusers' guiders count. Outside, the first
// condition is alone; where no update uses the others, a CPU does not evaluate them. 0 and 1 guide
// everywhere.
func WithInterval(start, stop float64) Option {
	return func(p *Plan) {
		if start == 0 && stop == 1 {
			return
		}
		if !(start >= 0 && stop <= 1 && start <= stop) {
			p.refused = refuse("guidance interval %v to %v: want 0 <= start <= stop <= 1", start, stop)
			return
		}
		n := p.Steps()
		first, last := int(start*float64(n)), int(stop*float64(n))
		for i := range p.Stages {
			if st := &p.Stages[i]; st.Eval && (st.Step < first || st.Step >= last) {
				st.Guidance = GuideFirst
			}
		}
	}
}

// WithSigmas guides where lo < sigma/alpha <= hi only, the interval of the paper of [WithInterval].
func WithSigmas(lo, hi float64) Option {
	return func(p *Plan) {
		if !(lo >= 0 && lo < hi) {
			p.refused = refuse("guidance for noise levels %v to %v: want 0 <= low < high", lo, hi)
			return
		}
		for i := range p.Stages {
			if st := &p.Stages[i]; st.Eval && (st.At.Sigma <= lo*st.At.Alpha || st.At.Sigma > hi*st.At.Alpha) {
				st.Guidance = GuideFirst
			}
		}
	}
}

// WithZeroInit takes the network's output for zero in the first n steps, for flow models, whose first
// velocities are worse than none: CFG-Zero* (Fan et al. 2025, arXiv:2503.18886), section 3.3, where n is 1.
func WithZeroInit(n int) Option {
	return func(p *Plan) {
		if n < 0 {
			p.refused = refuse("%d steps of zero output: want none or more", n)
			return
		}
		for i := range p.Stages {
			if st := &p.Stages[i]; st.Eval && st.Step < n {
				st.Guidance = GuideNone
			}
		}
	}
}
