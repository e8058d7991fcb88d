package sampler

import "github.com/cudiffuse/cudiffuse/schedule"

// IPNDM is the improved PNDM of Zhang and Chen, "Fast Sampling of Diffusion Models with Exponential
// Integrator" (2022), arXiv:2204.13902: [PNDM] with lower orders in place of the Runge-Kutta
// start, so one evaluation a step. Of order 2 on any smooth grid.
//
// With e the Adams-Bashforth sum of the newest four epsilons:
//
//	x' = alpha[t]*(x - sigma[s]*e)/alpha[s] + sigma[t]*e
//
// A start without signal (alpha 0) has x' = sigma[t]*e: the clean sample counts as 0 there.
type IPNDM struct{}

// Name implements [Sampler].
func (IPNDM) Name() string { return "ipndm" }

// Plan implements [Sampler].
func (IPNDM) Plan(pts []schedule.Point) (*Plan, error) {
	p := &Plan{}
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		now := epsilonAt(s)
		w := adamsBashforth[min(i+1, 4)]
		keep, c := 0.0, t.Sigma
		if s.Alpha > 0 {
			keep, c = t.Alpha/s.Alpha, t.Alpha*(level(t)-level(s))
		}
		st := Stage{At: s, Eval: true, Step: i, Final: true, X: Row{X: keep}.plus(c*w[0], now)}
		for k := 1; k < len(w); k++ {
			st.X.H[(i-k)%pndmRing] = c * w[k]
		}
		if i+2 < len(pts) {
			st.Push, st.Slot = &now, i%pndmRing
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}
