package sampler

import (
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// DPMPP2MCFGPP is DPM-Solver++(2M) (Lu et al. 2022, arXiv:2211.01095) with the guidance of CFG++ (Chung et al.
// 2024, arXiv:2406.08070, see [CFGPP]), as ComfyUI's sample_dpmpp_2m_cfg_pp has it.
//
// With y = x/alpha, h and r as there and the unconditional predictions U:
//
//	y' = e^-h*(y - U[i]) + D[i] + (1-e^-h)/(2r)*(D[i] - U[i-1])
//
// The first step, and one to sigma 0, have no difference. With one condition it is [DPMSolverPP] of order 2.
type DPMPP2MCFGPP struct{}

// Name implements [Sampler].
func (DPMPP2MCFGPP) Name() string { return "dpmpp_2m_cfg_pp" }

// Plan implements [Sampler].
func (o DPMPP2MCFGPP) Plan(pts []schedule.Point) (*Plan, error) {
	p := &Plan{}
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		e := t.Sigma / s.Sigma // alpha[t]/alpha[s]*e^-h
		st := Stage{At: s, Eval: true, Step: i, Final: true, X: Row{X: e, D: t.Alpha, Unc: -e * s.Alpha}}
		h := t.Lambda() - s.Lambda()
		if i > 0 && t.Sigma > 0 && h > 0 {
			r := (s.Lambda() - pts[i-1].Lambda()) / h // infinite behind a point without signal
			c := -t.Alpha * math.Expm1(-h) / (2 * r)
			st.X.D, st.X.H[0] = st.X.D+c, -c
		}
		if i+2 < len(pts) {
			st.Push = &Row{Unc: 1}
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}
