package schedule

import (
	"cmp"
	"fmt"
	"strings"
)

// Curve says how the noise levels between the noisiest and the cleanest are spread.
type Curve int

// The curves. The zero value follows the timesteps.
const (
	ByTimestep           Curve = iota // the levels of the timesteps that Spacing chooses
	KarrasCurve                       // [Karras] with Grid.Rho, usually 7
	LambdaCurve                       // evenly in lambda: [Exponential]
	BetaCurve                         // [BetaQuantile] with 0.6, 0.6
	PolyexponentialCurve              // [Polyexponential] with Grid.Rho, usually 1
	KLOptimalCurve                    // [KLOptimal]
	UniformCurve                      // [Uniform]
	SGMUniformCurve                   // [SGMUniform]
	SimpleCurve                       // [Simple]
	DDIMUniformCurve                  // [DDIMUniform]
	BetaTimestepsCurve                // [BetaTimesteps] with 0.6, 0.6
	LinearQuadraticCurve              // [LinearQuadratic] with 0.025 and half of the steps
	AYSCurve                          // [AlignYourSteps] for Stable Diffusion 1.5
	AYSXLCurve                        // [AlignYourSteps] for Stable Diffusion XL
	AYSVideoCurve                     // [AlignYourSteps] for Stable Video Diffusion
	GITSCurve                         // [GITS] with the coefficient Grid.Rho, usually 1.2
)

// curveNames holds a curve's own name, the first, and the others by which programs call it.
var curveNames = [...][]string{
	ByTimestep:           {"normal"},
	KarrasCurve:          {"karras", "use_karras_sigmas"},
	LambdaCurve:          {"exponential", "lambda", "lu_lambdas", "use_lu_lambdas", "use_exponential_sigmas"},
	BetaCurve:            {"beta", "use_beta_sigmas"},
	PolyexponentialCurve: {"polyexponential"},
	KLOptimalCurve:       {"kl_optimal"},
	UniformCurve:         {"uniform"},
	SGMUniformCurve:      {"sgm_uniform", "sgmuniform"},
	SimpleCurve:          {"simple"},
	DDIMUniformCurve:     {"ddim_uniform", "ddim"},
	BetaTimestepsCurve:   {"beta_timesteps"},
	LinearQuadraticCurve: {"linear_quadratic"},
	AYSCurve:             {"align_your_steps", "ays", "align_your_steps_sd1", "ays_sd1", "ays_sd15"},
	AYSXLCurve:           {"align_your_steps_sdxl", "ays_sdxl"},
	AYSVideoCurve:        {"align_your_steps_svd", "ays_svd"},
	GITSCurve:            {"gits"},
}

// String returns the name that ComfyUI and A1111 use, e.g. karras or sgm_uniform.
func (c Curve) String() string {
	if c < 0 || int(c) >= len(curveNames) {
		return fmt.Sprintf("Curve(%d)", int(c))
	}
	return curveNames[c][0]
}

// Curves returns every curve, the zero value first.
func Curves() []Curve {
	cs := make([]Curve, len(curveNames))
	for i := range cs {
		cs[i] = Curve(i)
	}
	return cs
}

// Names returns the curve's own name and its aliases; nil for a value that is no curve.
func (c Curve) Names() []string {
	if c < 0 || int(c) >= len(curveNames) {
		return nil
	}
	return append([]string(nil), curveNames[c]...)
}

// ParseCurve is the inverse of String. It also takes the names of diffusers' switches (use_karras_sigmas) and
// the labels of A1111's menu: capitals count as small letters, spaces and hyphens as underscores.
func ParseCurve(name string) (Curve, error) {
	key := strings.NewReplacer(" ", "_", "-", "_").Replace(strings.ToLower(name))
	var own []string
	for c, names := range curveNames {
		for _, n := range names {
			if n == key {
				return Curve(c), nil
			}
		}
		own = append(own, names[0])
	}
	last := len(own) - 1
	return 0, &Error{Field: "schedule type", Value: fmt.Sprintf("%.40q", name),
		Want: strings.Join(own[:last], ", ") + " or " + own[last]}
}

// timesteps returns the n timesteps of a curve that is made of them, before a final level at 0 or that of timestep
// 0, and whether the curve is one.
func (c Curve) timesteps(n, train int, final Final) (ts []float64, ok bool, err error) {
	switch c {
	case UniformCurve:
		if final == FinalSigmaMin { // which is the lowest timestep's
			ts, err = Uniform(n+1, train)
			return ts[:max(0, len(ts)-1)], true, err
		}
		ts, err = Uniform(n, train)
	case SGMUniformCurve:
		ts, err = SGMUniform(n, train)
	case SimpleCurve:
		ts, err = Simple(n, train)
	case DDIMUniformCurve:
		ts, err = DDIMUniform(n, train)
	case BetaTimestepsCurve:
		ts, err = BetaTimesteps(n, train, 0.6, 0.6)
	default:
		return nil, false, nil
	}
	return ts, true, err
}

// levels returns the n levels of a curve before the final one, from hi down to lo: lo itself is the last of them
// before a 0, and left to be the end before FinalSigmaMin. rho 0 means the curve's usual exponent.
func (c Curve) levels(n int, final Final, lo, hi, rho float64) ([]float64, error) {
	switch c { // curves with an end of their own
	case LinearQuadraticCurve:
		return LinearQuadratic(n, hi, 0.025, 0)
	case AYSCurve, AYSXLCurve, AYSVideoCurve:
		table := AYSTable(c - AYSCurve)
		if err := within(aysTables[table][0], hi); err != nil {
			return nil, err
		}
		return AlignYourSteps(n, table)
	case GITSCurve:
		if err := within(gitsLevels[0], hi); err != nil {
			return nil, err
		}
		return GITS(n, cmp.Or(rho, GITSCoefficient))
	}
	of := n
	if final == FinalSigmaMin {
		of++
	}
	v, err := c.spread(of, lo, hi, rho)
	if err != nil {
		return nil, err
	}
	return v[:n], nil
}

// spread returns n levels from hi down to lo, both included.
func (c Curve) spread(n int, lo, hi, rho float64) ([]float64, error) {
	or := func(usual float64) float64 {
		if rho == 0 {
			return usual
		}
		return rho
	}
	switch c {
	case KarrasCurve:
		return Karras(n, lo, hi, or(7))
	case LambdaCurve:
		return Exponential(n, lo, hi)
	case BetaCurve:
		return BetaQuantile(n, lo, hi, 0.6, 0.6)
	case PolyexponentialCurve:
		return Polyexponential(n, lo, hi, or(1))
	case KLOptimalCurve:
		return KLOptimal(n, lo, hi)
	}
	return nil, &Error{Field: "schedule type", Value: int(c), Want: "one of the constants"}
}
