package sampler

import (
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// DPMPPSDE is the stochastic singlestep DPM-Solver++ (Lu et al. 2022, arXiv:2211.01095), "DPM++ SDE", as
// Katherine Crowson's k-diffusion defines it (sample_dpmpp_sde with r = 1/2). Two evaluations a step, one
// and no noise in a step to sigma 0.
//
// With s = sigma/alpha, y = x/alpha, m = sqrt(s[s]*s[t]) and (down, up) as for [EulerAncestral], of the step
// to m and of that to s[t]:
//
//	y~ = down[m]/s[s]*y + (1 - down[m]/s[s])*D(y, s[s]) + up[m]*W[m]
//	y' = down[t]/s[s]*y + (1 - down[t]/s[s])*D(y~, m) + up[t]*W[t]
//
// W are normalised increments of one Brownian motion over s, as k-diffusion's tree has them: that of the
// step begins with that of its first part,
//
//	W[t] = ( sqrt(s[s]-m)*W[m] + sqrt(m-s[t])*W' )/sqrt(s[s]-s[t])
type DPMPPSDE struct {
	Eta         *float64  // nil means 1; 0 to 1
	Independent bool      // W[t] is a draw of its own, not the continuation of W[m]
	Timesteps   Timesteps // of the middles
}

// Name implements [Sampler].
func (DPMPPSDE) Name() string { return "dpmpp_sde" }

func (o DPMPPSDE) withNoise(n *schedule.Noise) Sampler { o.Timesteps = timestepsOf(n); return o }

// Plan implements [Sampler].
func (o DPMPPSDE) Plan(pts []schedule.Point) (*Plan, error) {
	eta, err := etaOf("dpmpp_sde", o.Eta, 1)
	if err != nil {
		return nil, err
	}
	if pts[0].Alpha == 0 {
		return nil, noSignal("dpmpp_sde")
	}
	p := &Plan{}
	var n draws
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		if t.Sigma == 0 {
			p.Stages = append(p.Stages, Stage{At: s, Eval: true, Step: i, Final: true, X: eulerTo(s, t, 0)})
			continue
		}
		m := o.Timesteps.middle(s, t)
		down, up := ancestral(level(s), level(m), eta)
		first := Stage{At: s, Eval: true, Step: i, X: eulerTo(s, m, down), Base: &Row{X: 1}}
		if up > 0 {
			first.X.N[0], first.Draws[0] = m.Alpha*up, n.next()
		}
		down, up = ancestral(level(s), level(t), eta)
		second := Stage{At: m, Eval: true, Step: i, Final: true, X: eulerTo(s, t, down)}
		second.X.X, second.X.Base = 0, second.X.X
		if up > 0 {
			o.noise(&second, t.Alpha*up, level(s), level(m), level(t))
			second.Draws = [2]int{first.Draws[0], n.next()}
		}
		p.Stages = append(p.Stages, first, second)
	}
	return p, nil
}

// noise splits the noise of the step from level a to c at b, where its first part ends.
func (o DPMPPSDE) noise(st *Stage, std, a, b, c float64) {
	if o.Independent {
		st.X.N[1] = std
		return
	}
	st.X.N = [2]float64{std * math.Sqrt((a-b)/(a-c)), std * math.Sqrt((b-c)/(a-c))}
}
