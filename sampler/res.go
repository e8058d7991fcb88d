package sampler

import (
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// RES is the refined exponential solver of Zhang et al., "Improved Order Analysis and Design of Exponential
// Integrator for Diffusion Models Sampling" (2023), arXiv:2308.02157, in its multistep form of order 2, with the
// ancestral noise of [EulerAncestral] (ComfyUI's res_multistep).
//
// With s = sigma/alpha, y = x/alpha, (down, up) as there, h = ln(s[s]/down), phi as in phi.go at -h and c the
// place of the older prediction, below 0:
//
//	y' = down/s[s]*y + h*( (phi1 - phi2/c)*D[i] + phi2/c*D[i-1] ) + up*noise
//	c  = ln(down[i-1]/s[i-1])/h
//
// It is measured from the level that the step before went down to, not the one that its noise brought the
// sample back to: then the variance is of order 2, otherwise of order 1 (see TestWeakOrder). The first step,
// and one to down 0, are Euler's. Without noise this is the heun form of [DPMSolverPP].
type RES struct {
	Eta *float64 // nil means 0; 0 to 1

	// CFGPP has the unconditional predictions in place of D, and y + D - U of the newest in place of y, see
	// [CFGPP].
	CFGPP bool
}

// Name implements [Sampler].
func (RES) Name() string { return "res_multistep" }

// Plan implements [Sampler].
func (o RES) Plan(pts []schedule.Point) (*Plan, error) {
	eta, err := etaOf(o.Name(), o.Eta, 0)
	if err != nil {
		return nil, err
	}
	if pts[0].Alpha == 0 {
		return nil, noSignal(o.Name())
	}
	p := &Plan{}
	var n draws
	before := 0.0 // the level that the step before went down to
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		down, up := ancestral(level(s), level(t), eta)
		now := Row{D: 1}
		st := Stage{At: s, Eval: true, Step: i, Final: true, X: eulerTo(s, t, down)}
		if o.CFGPP {
			now = Row{Unc: 1}
			q := t.Alpha * down / level(s)
			st.X.D, st.X.Unc = q, st.X.D-q
			if i == 0 || down == 0 {
				st.X.D, st.X.Unc = t.Alpha, -q
			}
		}
		if i > 0 && down > 0 && down < level(s) {
			h := math.Log(level(s) / down)
			_, phi2, _ := phi(-h)
			older := t.Alpha * h * phi2 * h / math.Log(before/level(pts[i-1]))
			st.X = st.X.plus(-older, now)
			st.X.H[0] = older
		}
		if up > 0 {
			st.X.N[0], st.Draws[0] = t.Alpha*up, n.next()
		}
		if i+2 < len(pts) {
			st.Push = &now
		}
		before = down
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}
