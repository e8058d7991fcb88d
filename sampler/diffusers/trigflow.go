package diffusers

import (
	"math"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

const (
	trigFlowClass = "SCMScheduler"
	trigFlow      = "trigflow" // its prediction_type
)

// The timesteps that a run of SCMScheduler starts from and, in two steps, stops at.
const (
	trigStart  = 1.57080 // a little above pi/2, where alpha is -4e-6
	trigMiddle = 1.3
)

// trigFlow plans SCMScheduler, for the continuous-time consistency models of Lu and Song, "Simplifying,
// Stabilizing and Scaling Continuous-Time Consistency Models" (2024), arXiv:2410.11081. A timestep is an
// angle: x = cos(t)*x0 + sin(t)*sigma_data*noise. Custom timesteps end with 0.
func (s *Scheduler) trigFlow(_ *schedule.Noise, _ schedule.Kind, o Options) (*sampler.Plan, error) {
	if s.c.PredictionType != trigFlow {
		return nil, &Error{Field: "prediction_type", Detail: "want trigflow"}
	}
	if _, _, err := s.ownRange(); err != nil {
		return nil, err
	}
	ts := o.Timesteps
	if n := len(ts); n > 0 && (n < 2 || ts[n-1] != 0 || ts[0] > trigStart) {
		return nil, &Error{Field: "timesteps", Detail: "want at least 2, from at most 1.5708 to 0"}
	}
	switch {
	case ts != nil:
	case o.Steps == 2:
		ts = []float64{trigStart, trigMiddle, 0}
	default:
		for i := range o.Steps + 1 {
			ts = append(ts, trigStart*(1-float64(i)/float64(o.Steps)))
		}
	}
	var pts []schedule.Point
	for _, t := range ts {
		t = float64(float32(t)) // as the reference keeps them
		pts = append(pts, schedule.Point{T: t, Alpha: math.Max(math.Cos(t), 0), Sigma: math.Sin(t), In: 1})
	}
	exact := func(p *sampler.Plan) { // also behind pi/2
		for i := range p.Stages {
			t := p.Stages[i].At.T
			p.Stages[i].From = schedule.Scaling{Skip: math.Cos(t), Out: -math.Sin(t)}
		}
	}
	c := sampler.Consistency{SigmaMin: new(float64), ScaleNoise: &s.c.SigmaData}
	return sampler.New(c, pts, schedule.V, exact)
}
