package diffusers

import (
	"math"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

const repaintClass = "RePaintScheduler"

// repaint plans RePaintScheduler. What is known comes from the request's [sampler.Inpaint], which keeps the
// noise of the known part; the class draws it anew at each step.
func (s *Scheduler) repaint(n *schedule.Noise, kind schedule.Kind, o Options) (*sampler.Plan, error) {
	if o.Timesteps != nil {
		return nil, &Error{Field: "timesteps", Detail: "contradict the grid of this class: want steps"}
	}
	stride := n.Timesteps() / o.Steps
	var pts []schedule.Point
	for i := o.Steps - 1; i >= 0; i-- {
		pts = append(pts, n.Point(i*stride))
	}
	r := sampler.RePaint{Eta: s.c.Eta, KeepEpsilon: true, Jump: o.JumpLength, Samples: o.JumpSamples}
	jump := r.Jump
	if jump == 0 {
		jump = 10
	}
	// The quirk: the way back has the betas of the timesteps from t on, for t where the last step started, not
	// of those behind it.
	above := func(p *sampler.Plan) {
		for i := range p.Stages {
			st := &p.Stages[i]
			if st.Eval {
				continue
			}
			top := int(st.At.T) + stride - 1
			r := n.AlphaBar(top) / n.AlphaBar(top-jump*stride)
			st.X = sampler.Row{X: math.Sqrt(r)}
			st.X.N[0] = math.Sqrt(1 - r)
		}
	}
	opts := append([]sampler.Option{above}, s.options()...)
	return sampler.New(r, append(pts, n.Point(-1)), kind, opts...)
}
