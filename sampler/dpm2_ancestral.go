package sampler

import "github.com/cudiffuse/cudiffuse/schedule"

// DPM2Ancestral is [DPM2] with ancestral noise, "DPM2 a", as Katherine Crowson's k-diffusion defines it
// (sample_dpm_2_ancestral; Karras et al. 2022, arXiv:2206.00364): the step goes down to the level of
// [EulerAncestral], with the middle m = sqrt(s[s]*down), and then adds up*noise. A step to sigma 0 has one
// evaluation and no noise.
type DPM2Ancestral struct {
	Eta       *float64  // nil means 1; 0 to 1
	Timesteps Timesteps // of the middles
}

// Name implements [Sampler].
func (DPM2Ancestral) Name() string { return "dpm_2_ancestral" }

func (o DPM2Ancestral) withNoise(n *schedule.Noise) Sampler { o.Timesteps = timestepsOf(n); return o }

// Plan implements [Sampler].
func (o DPM2Ancestral) Plan(pts []schedule.Point) (*Plan, error) {
	eta, err := etaOf("dpm_2_ancestral", o.Eta, 1)
	if err != nil {
		return nil, err
	}
	if pts[0].Alpha == 0 {
		return nil, noSignal("dpm_2_ancestral")
	}
	p := &Plan{}
	var n draws
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		down, up := ancestral(level(s), level(t), eta)
		stages := midpoint(i, s, t, down, o.Timesteps)
		if up > 0 {
			last := &stages[len(stages)-1]
			last.X.N[0], last.Draws[0] = t.Alpha*up, n.next()
		}
		p.Stages = append(p.Stages, stages...)
	}
	return p, nil
}
