package sampler

import (
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// FlowEulerAncestral is [EulerAncestral] for rectified flow, as ComfyUI has it (sample_euler_ancestral_RF) and LTX-Video
// uses it (HaCohen et al. 2024, arXiv:2501.00103). A step goes down further than to its end, and noise brings the
// sample back up. On the flow scale of [FlowHeun], y = x/(alpha+sigma) and tau = sigma/(alpha+sigma):
//
//	down = tau[t]*(1 + Eta*(tau[t]/tau[s] - 1)),   r = (1-tau[t])/(1-down)
//	y'   = r*( down/tau[s]*y + (1 - down/tau[s])*D ) + Noise*sqrt(tau[t]^2 - r^2*down^2)*noise
//
// The level sigma/alpha, which is infinite at the start of a flow, has no part in it. Eta 0 is [FlowEuler].
type FlowEulerAncestral struct {
	Eta   *float64 // nil means 1; 0 to 1
	Noise *float64 // s_noise; nil means 1
}

// Name implements [Sampler].
func (FlowEulerAncestral) Name() string { return "flow_euler_ancestral" }

// Plan implements [Sampler].
func (o FlowEulerAncestral) Plan(pts []schedule.Point) (*Plan, error) {
	eta, err := etaOf(o.Name(), o.Eta, 1)
	if err != nil {
		return nil, err
	}
	scale := valueOr(o.Noise, 1)
	if !finite(scale) || scale < 0 {
		return nil, &PlanError{Sampler: o.Name(), Step: -1,
			Detail: fmt.Sprintf("noise scale %v: want a finite number, 0 or more", scale)}
	}
	p := &Plan{}
	var n draws
	for i := range len(pts) - 1 {
		cs, tau := flowOf(pts[i])
		ct, next := flowOf(pts[i+1])
		down := next * (1 + eta*(next/tau-1))
		r := ct * (1 - next) / (1 - down)
		q := down / tau
		st := Stage{At: pts[i], Eval: true, Step: i, Final: true, X: Row{X: r * q / cs, D: r * (1 - q)}}
		if eta > 0 && next > 0 {
			st.X.N[0] = scale * math.Sqrt(math.Max(ct*ct*next*next-r*r*down*down, 0))
			st.Draws[0] = n.next()
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}
