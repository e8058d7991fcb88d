package sampler

import (
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// Sampler compiles itself to a table for a grid of points, the noisiest first, or last for an inversion such as
// [DDIMInverse]. The last point is where the sample ends, usually sigma 0; the network is not evaluated there. Plan never looks at the network's
// prediction kind: [New] adds that.
type Sampler interface {
	Name() string
	Plan(pts []schedule.Point) (*Plan, error)
}

// Option adjusts a plan made by [New].
type Option func(*Plan)

// WithClip clips the predicted clean sample to [-limit, limit] at each stage. Pixel models are trained on
// [-1, 1]; latents are not bounded and must not be clipped.
func WithClip(limit float64) Option {
	return func(p *Plan) {
		for i := range p.Stages {
			p.Stages[i].Clip = limit
		}
	}
}

// WithInit sets the factor of the initial noise, which is otherwise 1/c_in of the first point (unit
// variance when the grid is variance preserving, sqrt(1+sigma^2) when it is variance exploding).
func WithInit(scale float64) Option {
	return func(p *Plan) { p.Init = scale }
}

// New compiles sampler s for a grid and a network that predicts kind, and checks the result.
func New(s Sampler, pts []schedule.Point, kind schedule.Kind, opts ...Option) (*Plan, error) {
	if s == nil {
		return nil, &PlanError{Step: -1, Detail: "no sampler"}
	}
	check := checkPoints
	if v, ok := s.(inversion); ok && v.rises() {
		check = checkRising
	}
	if err := check(s.Name(), pts); err != nil {
		return nil, err
	}
	p, err := s.Plan(pts)
	if err != nil {
		return nil, err
	}
	p.Sampler = s.Name()
	p.Init = 1 / pts[0].In
	for i := range p.Stages {
		st := &p.Stages[i]
		if !st.Eval {
			continue
		}
		if kind == schedule.Velocity && math.Abs(st.At.Alpha+st.At.Sigma-1) > 1e-9 {
			return nil, &PlanError{Sampler: p.Sampler, Step: st.Step, Detail: fmt.Sprintf("flow_prediction at "+
				"alpha %v, sigma %v: want a flow grid, where they add up to 1", st.At.Alpha, st.At.Sigma)}
		}
		if st.From, err = kind.Scaling(st.At); err != nil {
			return nil, &PlanError{Sampler: p.Sampler, Step: st.Step, Err: err}
		}
	}
	p.end = level(pts[len(pts)-1])
	for _, o := range opts {
		o(p)
	}
	p.end = 0
	return p, p.Validate()
}

func checkPoints(name string, pts []schedule.Point) error {
	if len(pts) < 2 {
		return &PlanError{Sampler: name, Step: -1,
			Detail: fmt.Sprintf("%d points: want at least 2, a noisy one and the end", len(pts))}
	}
	for i, p := range pts {
		if err := checkPoint(name, i, p); err != nil {
			return err
		}
		if i == 0 {
			continue
		}
		// The SNR must rise: sigma/alpha falls, written without the division. Only the last step may stand
		// still, where a grid that reaches sigma_min is followed by a final sigma of sigma_min.
		q, slack := pts[i-1], 1.0
		if i == len(pts)-1 {
			slack = 1 + 1e-12
		}
		if a, b := p.Sigma*q.Alpha, q.Sigma*p.Alpha; !(a < b || i == len(pts)-1 && a <= b*slack) {
			return &PlanError{Sampler: name, Step: i - 1,
				Detail: fmt.Sprintf("sigma does not decrease (t %v to t %v): want distinct, falling noise levels",
					q.T, p.T)}
		}
	}
	return nil
}

func checkPoint(name string, i int, p schedule.Point) error {
	ok := finite(p.T, p.Alpha, p.Sigma, p.In) && p.Alpha >= 0 && p.Sigma >= 0 && p.In > 0
	if !ok || p.Alpha == 0 && p.Sigma == 0 {
		return &PlanError{Sampler: name, Step: i,
			Detail: fmt.Sprintf("point %+v: want finite alpha, sigma >= 0 and c_in > 0", p)}
	}
	return nil
}

func finite(v ...float64) bool {
	for _, x := range v {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return false
		}
	}
	return true
}

// draws numbers the noise draws of a plan from 1, in order of first use. Draw 0 is the initial noise.
type draws int

func (d *draws) next() int { *d++; return int(*d) }
