package sampler

import (
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// LCM is the multistep consistency sampler of Luo et al., "Latent Consistency Models" (2023),
// arXiv:2310.04378. It needs a network distilled for it; others give blurred images.
//
//	F  = c_skip*x + c_out*D,   tau = Scaling*t
//	     c_skip = s^2/(tau^2+s^2), c_out = tau/sqrt(tau^2+s^2), s = SigmaData
//	x' = alpha[t]*F + sigma[t]*noise, in the last step F
//
// Its grid is [LCMTimesteps]: the timesteps the network was distilled at.
type LCM struct {
	Scaling   float64 // of the timestep in the boundary condition; 0 means 10
	SigmaData float64 // 0 means 0.5
}

// Name implements [Sampler].
func (LCM) Name() string { return "lcm" }

// Plan implements [Sampler].
func (o LCM) Plan(pts []schedule.Point) (*Plan, error) {
	scale, sd := o.Scaling, o.SigmaData
	if scale == 0 {
		scale = 10
	}
	if sd == 0 {
		sd = 0.5
	}
	if !finite(scale, sd) || scale < 0 || sd < 0 {
		return nil, &PlanError{Sampler: "lcm", Step: -1,
			Detail: fmt.Sprintf("timestep scaling %v, sigma data %v: want positive numbers", scale, sd)}
	}
	p := &Plan{}
	var n draws
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		tau := s.T * scale
		skip, out := sd*sd/(tau*tau+sd*sd), tau/math.Sqrt(tau*tau+sd*sd)
		st := Stage{At: s, Eval: true, Step: i, Final: true}
		if i+2 == len(pts) {
			st.X = Row{X: skip, D: out}
		} else {
			st.X = Row{X: t.Alpha * skip, D: t.Alpha * out}
			st.X.N[0], st.Draws[0] = t.Sigma, n.next()
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}

// LCMTimesteps returns the n timesteps, noisiest first, that are nearest to even among the original ones
// that a network of train timesteps was distilled at (every train/original-th, counted from the end of
// each stride). strength in (0, 1] keeps only the cleaner part, for image to image.
func LCMTimesteps(n, train, original int, strength float64) ([]int, error) {
	fail := func(field string, v any, want string) ([]int, error) {
		return nil, &schedule.Error{Field: field, Value: v, Want: want}
	}
	if train < 1 || train > schedule.MaxTimesteps {
		return fail("training timesteps", train, fmt.Sprintf("1 to %d", schedule.MaxTimesteps))
	}
	if original < 1 || original > train {
		return fail("original steps", original, fmt.Sprintf("1 to %d", train))
	}
	if !(strength > 0 && strength <= 1) {
		return fail("strength", strength, "a number above 0, at most 1")
	}
	kept := int(float64(original) * strength)
	if n < 1 || n > kept {
		return fail("steps", n, fmt.Sprintf("1 to %d, the original steps times strength", kept))
	}
	stride := train / original
	ts := make([]int, n)
	for i := range ts {
		j := int(math.Floor(float64(i) * (float64(kept) / float64(n)))) // counted from the noisy end
		ts[i] = (kept-j)*stride - 1
	}
	return ts, nil
}
