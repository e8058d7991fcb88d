package sampler

import "github.com/cudiffuse/cudiffuse/schedule"

// DPMPP2SAncestral is the second-order singlestep DPM-Solver++ (Lu et al. 2022, arXiv:2211.01095, Algorithm
// 1) with ancestral noise, "DPM++ 2S a", as Katherine Crowson's k-diffusion defines it
// (sample_dpmpp_2s_ancestral). Two evaluations a step, one and no noise in a step to sigma 0.
//
// With s = sigma/alpha, y = x/alpha, down and up those of [EulerAncestral] and m = sqrt(s[s]*down):
//
//	y~ = m/s[s]*y + (1 - m/s[s])*D(y, s[s])
//	y' = down/s[s]*y + (1 - down/s[s])*D(y~, m) + up*noise
//
// Eta 0 is the deterministic solver, of order 2.
type DPMPP2SAncestral struct {
	Eta       *float64  // nil means 1; 0 to 1
	Timesteps Timesteps // of the middles
}

// Name implements [Sampler].
func (DPMPP2SAncestral) Name() string { return "dpmpp_2s_ancestral" }

func (o DPMPP2SAncestral) withNoise(n *schedule.Noise) Sampler {
	o.Timesteps = timestepsOf(n)
	return o
}

// Plan implements [Sampler].
func (o DPMPP2SAncestral) Plan(pts []schedule.Point) (*Plan, error) {
	eta, err := etaOf("dpmpp_2s_ancestral", o.Eta, 1)
	if err != nil {
		return nil, err
	}
	if pts[0].Alpha == 0 {
		return nil, noSignal("dpmpp_2s_ancestral")
	}
	p := &Plan{}
	var n draws
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		down, up := ancestral(level(s), level(t), eta)
		last := Stage{At: s, Eval: true, Step: i, Final: true, X: eulerTo(s, t, down)}
		if down > 0 {
			m := o.Timesteps.middle(s, schedule.Point{T: t.T, Alpha: t.Alpha, Sigma: t.Alpha * down, In: t.In})
			p.Stages = append(p.Stages,
				Stage{At: s, Eval: true, Step: i, X: eulerTo(s, m, level(m)), Base: &Row{X: 1}})
			last.At = m
			last.X.X, last.X.Base = 0, last.X.X
		}
		if up > 0 {
			last.X.N[0], last.Draws[0] = t.Alpha*up, n.next()
		}
		p.Stages = append(p.Stages, last)
	}
	return p, nil
}
