package sampler

import (
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// Euler is the first-order solver of the probability-flow ODE in k-diffusion's form (Karras et al. 2022,
// arXiv:2206.00364, Algorithm 2 without its correction).
//
// With s = sigma/alpha, y = x/alpha and the derivative e = (y - D)/s:
//
//	y' = y + (s[t] - s[s])*e
//
// On any grid this is DDIM with Eta 0. Churn > 0 adds noise in each step, in the form of diffusers:
// after the evaluation, keeping its epsilon. With s^ = s*(1+gamma), gamma = min(Churn/steps, sqrt(2)-1):
//
//	y' = y + (s[t] - s^)*e + ChurnNoise*sqrt(s^^2 - s^2)*noise
type Euler struct {
	Churn      float64 // S_churn, 0 for none
	ChurnMin   float64 // S_tmin: noise only at s >= ChurnMin
	ChurnMax   float64 // S_tmax: and at s <= ChurnMax; 0 means no limit
	ChurnNoise float64 // S_noise; 0 means 1
}

// Name implements [Sampler].
func (Euler) Name() string { return "euler" }

// Plan implements [Sampler].
func (o Euler) Plan(pts []schedule.Point) (*Plan, error) {
	if err := o.check("euler"); err != nil {
		return nil, err
	}
	p := &Plan{}
	var n draws
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		st := Stage{At: s, Eval: true, Step: i, Final: true}
		if g := o.gamma(level(s), len(pts)-1); g > 0 {
			hat := level(s) * (1 + g)
			st.X = eulerTo(s, t, level(t)-hat+level(s))
			st.X.N[0] = t.Alpha * o.noise() * math.Sqrt(hat*hat-level(s)*level(s))
			st.Draws[0] = n.next()
		} else {
			st.X = eulerTo(s, t, level(t))
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}

func (o Euler) check(name string) error {
	if math.IsNaN(o.Churn) || o.Churn < 0 || !finite(o.ChurnNoise) || o.ChurnNoise < 0 ||
		math.IsNaN(o.ChurnMin) || math.IsNaN(o.ChurnMax) {
		return &PlanError{Sampler: name, Step: -1, Detail: fmt.Sprintf("churn %+v: want numbers >= 0", o)}
	}
	return nil
}

func (o Euler) gamma(s float64, steps int) float64 {
	if o.Churn == 0 || s < o.ChurnMin || o.ChurnMax > 0 && s > o.ChurnMax {
		return 0
	}
	return math.Min(o.Churn/float64(steps), math.Sqrt2-1)
}

func (o Euler) noise() float64 {
	if o.ChurnNoise == 0 {
		return 1
	}
	return o.ChurnNoise
}

// level returns s = sigma/alpha, k-diffusion's sigma.
func level(p schedule.Point) float64 { return p.Sigma / p.Alpha }

// eulerTo is the Euler step from s down to level l, in the scale of t:
//
//	x' = alpha[t]*( l/s * x/alpha[s] + (1 - l/s)*D )
func eulerTo(s, t schedule.Point, l float64) Row {
	q := l / level(s)
	return Row{X: t.Alpha / s.Alpha * q, D: t.Alpha * (1 - q)}
}
