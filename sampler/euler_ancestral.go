package sampler

import "github.com/cudiffuse/cudiffuse/schedule"

// EulerAncestral is Euler with ancestral noise, "Euler a", as Katherine Crowson's k-diffusion defines it
// (sample_euler_ancestral). With s = sigma/alpha:
//
//	up   = min(s[t], Eta*sqrt(s[t]^2*(s[s]^2-s[t]^2)/s[s]^2)),  down = sqrt(s[t]^2 - up^2)
//	y'   = Euler step from s[s] to down, + up*noise
//
// Eta 1 is the published sampler; smaller values add less noise.
type EulerAncestral struct {
	Eta *float64 // nil means 1; 0 to 1
}

// Name implements [Sampler].
func (EulerAncestral) Name() string { return "euler_a" }

// Plan implements [Sampler].
func (o EulerAncestral) Plan(pts []schedule.Point) (*Plan, error) {
	eta, err := etaOf("euler_a", o.Eta, 1)
	if err != nil {
		return nil, err
	}
	p := &Plan{}
	var n draws
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		down, up := ancestral(level(s), level(t), eta)
		st := Stage{At: s, Eval: true, Step: i, Final: true}
		st.X = eulerTo(s, t, down)
		if eta > 0 {
			st.X.N[0], st.Draws[0] = t.Alpha*up, n.next()
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}
