package sampler

import (
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// TCD is strategic stochastic sampling of Zheng et al., "Trajectory Consistency Distillation" (2024),
// arXiv:2402.19159. It needs a network distilled for it; others behave as with [DDIM].
//
// From s to t, with the timestep m = floor((1-Gamma)*T[t]) below that of t and
// epsilon = (x - alpha[s]*D)/sigma[s]:
//
//	x~ = alpha[m]*D + sigma[m]*epsilon
//	x' = alpha[t]/alpha[m]*x~ + sqrt(1 - alpha[t]^2/alpha[m]^2)*noise
//
// Gamma 0 is deterministic (m is t), Gamma 1 draws all noise anew, nearly as [LCM]. The last step adds no
// noise. Its grid is [LCMTimesteps] and ends at timestep 0, where a little noise is left, as published.
type TCD struct {
	Gamma *float64        // nil means 0.3; 0 to 1; called eta in diffusers
	Noise *schedule.Noise // the forward process that the timesteps count
}

// Name implements [Sampler].
func (TCD) Name() string { return "tcd" }

func (o TCD) withNoise(n *schedule.Noise) Sampler { o.Noise = n; return o }

// Plan implements [Sampler].
func (o TCD) Plan(pts []schedule.Point) (*Plan, error) {
	gamma, err := etaOf("tcd", o.Gamma, 0.3)
	if err != nil {
		return nil, err
	}
	if o.Noise == nil {
		return nil, &PlanError{Sampler: "tcd", Step: -1, Detail: "no forward process: want Noise"}
	}
	p := &Plan{}
	var n draws
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		m := o.Noise.Point(int(math.Floor((1 - gamma) * t.T)))
		if t.Sigma == 0 {
			m = t
		}
		e := m.Sigma / s.Sigma
		st := Stage{At: s, Eval: true, Step: i, Final: true, X: Row{X: e, D: m.Alpha - e*s.Alpha}}
		if gamma > 0 && i+2 < len(pts) {
			r := t.Alpha / m.Alpha
			st.X = Row{}.plus(r, st.X)
			st.X.N[0], st.Draws[0] = math.Sqrt(math.Max(1-r*r, 0)), n.next()
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}
