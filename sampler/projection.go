package sampler

import (
	"fmt"
	"math"
)

// Projection is guidance whose two weights depend on the outputs c (the first condition) and u (the second,
// unconditional one) of the stage, with s the weight of c as [Guide] makes it:
//
//	m = a*c + b*u
//
// It costs a second launch a stage, which makes a and b of sums over the whole sample; momentum costs a third one.
type Projection struct {
	Kind ProjectionKind
	Eta  float64 // of APG: share of the difference along c that stays; 0 is the paper's
	Norm float64 // of APG: largest length of the difference, 0 for any

	// Momentum of APG, more than -1 and less than 1, makes the difference a running sum over the stages that are
	// guided,
	//
	//	average = (c-u) + Momentum*average
	//
	// from zero at the run's start; a stage outside of the guidance's interval leaves it alone. The paper's is negative
	// (-0.5 and -0.75): then what successive stages have in common is weakened. 0 is off.
	Momentum float64
}

// ProjectionKind is a way to make the weights.
type ProjectionKind int

// The ways.
const (
	// APG is adaptive projected guidance (Sadat et al. 2024, arXiv:2410.02416): of the difference the part along
	// c, which saturates images, is weakened,
	//
	//	d = (c-u) * min(1, Norm/|c-u|),  m = c + (s-1)*(d - (1-Eta)*(<d,c>/|c|^2)*c)
	//
	// with the running average in place of c-u where there is momentum. It is diffusers'
	// AdaptiveProjectedGuidance with use_original_formulation and scale s-1; there the average is rounded to the
	// type of the network's output, here it is float32.
	APG ProjectionKind = iota
	// ZeroStar is CFG-Zero* (Fan et al. 2025, arXiv:2503.18886): u is scaled to be as near to c as it can,
	//
	//	m = s*c + (1-s)*k*u,  k = <c,u>/(|u|^2 + 1e-8)
	//
	// See also [WithZeroInit].
	ZeroStar
	// Tangential is tangential damping (Kwon et al. 2025, arXiv:2503.18137): u is projected on the first right
	// singular vector of the matrix with the rows c and u,
	//
	//	m = s*c + (1-s)*<u,v>*v
	Tangential
)

// String names the kind as requests and files do.
func (k ProjectionKind) String() string {
	if k < 0 || int(k) >= len(projectionNames) {
		return "unknown"
	}
	return projectionNames[k]
}

var projectionNames = []string{"apg", "zero_star", "tangential"}

// ParseProjection finds a kind by its name: apg, zero_star or tangential.
func ParseProjection(name string) (ProjectionKind, error) {
	for k, n := range projectionNames {
		if n == name {
			return ProjectionKind(k), nil
		}
	}
	return 0, &RequestError{Row: -1, Field: "guidance", Detail: fmt.Sprintf("%q: want one of %q", name, projectionNames)}
}

// WithProjection sets a projection; nil turns it off. Requests then have two conditions.
func WithProjection(p *Projection) Option {
	return func(plan *Plan) {
		plan.Projection = nil
		if p != nil {
			c := *p
			plan.Projection = &c
		}
	}
}

// check returns what is wrong with p, or "".
func (p *Projection) check() string {
	switch {
	case p == nil:
		return ""
	case p.Kind < APG || p.Kind > Tangential:
		return fmt.Sprintf("projection %d: want one of %q", int(p.Kind), projectionNames)
	case !fits(p.Eta):
		return fmt.Sprintf("share %v of the difference along the prediction: want a finite number, usually 0 to 1", p.Eta)
	case !(p.Norm >= 0) || !fits(p.Norm):
		return fmt.Sprintf("largest difference %v: want a positive number, or 0 for any", p.Norm)
	case !(math.Abs(float64(float32(p.Momentum))) < 1):
		return fmt.Sprintf("momentum %v: want more than -1 and less than 1, or 0 for none", p.Momentum)
	case p.Kind != APG && (p.Eta != 0 || p.Norm != 0 || p.Momentum != 0):
		return fmt.Sprintf("eta, norm and momentum are of apg, not of %v", p.Kind)
	}
	return ""
}

// Averages tells whether guided stages keep a running average of the difference, see [Projection.Momentum]. As
// on devices, a momentum that is zero as a float32 is none.
func (p *Plan) Averages() bool { return p.Projection != nil && float32(p.Projection.Momentum) != 0 }

// averages tells whether the stage adds to the running average, of a plan that has one.
func (st *Stage) averages() bool { return st.Eval && st.Guidance == GuideAll }

// fits tells whether v is finite as a float32.
func fits(v float64) bool { return !math.IsNaN(v) && !math.IsInf(float64(float32(v)), 0) }
