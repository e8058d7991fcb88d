package sampler

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// Multistep are the options that DPM-Solver and DPM-Solver++ share.
type Multistep struct {
	Order        int  // 1, 2 or 3; 0 means 2
	Heun         bool // the second-order step in the form that diffusers calls heun, otherwise midpoint
	SDE          bool // the reverse SDE in place of the ODE: fresh noise in each step
	KeepOrder    bool // do not lower the order in the last steps when there are fewer than 15
	EulerAtFinal bool // first order in the last step whatever the number of steps

	// HalfCurvature weighs D2 of order 3 as the authors' code, diffusers and k-diffusion do: half of what
	// the Taylor expansion asks for, because D2 is a divided difference, f''/2, and not f''. The method is
	// then of order 2 (measured 2.0 against 3.0, see TestConvergenceOrder). For exact comparison with them.
	HalfCurvature bool

	// Targets, when set, has one point for each step to go to in place of the next grid point, as in [DDIM].
	Targets []schedule.Point

	// Inverse runs the ODE from data to noise (inversion): the grid rises, and h is negative. Its first point
	// has sigma above 0.
	Inverse bool
}

// rises implements [inversion].
func (o Multistep) rises() bool { return o.Inverse }

// curvature is the factor of D2: the second derivative is twice the divided difference.
func (o Multistep) curvature() float64 {
	if o.HalfCurvature {
		return 1
	}
	return 2
}

// shortRun is the number of steps below which the last ones lower their order, as the authors' code does.
const shortRun = 15

func (o Multistep) order() int {
	if o.Order == 0 {
		return 2
	}
	return o.Order
}

func (o Multistep) check(name string) error {
	if o.Order < 0 || o.Order > 3 {
		return &PlanError{Sampler: name, Step: -1, Detail: fmt.Sprintf("order %d: want 1, 2 or 3", o.Order)}
	}
	if o.Inverse && o.SDE {
		return &PlanError{Sampler: name, Step: -1, Detail: "the SDE has no inverse: want the ODE"}
	}
	return nil
}

// orderAt returns the order of step i of a run along pts: it grows as the history does, and falls at the
// end, where the step to sigma 0 has an infinite h.
func (o Multistep) orderAt(i int, pts []schedule.Point) int {
	n := len(pts) - 1
	k := min(o.order(), i+1)
	short := !o.KeepOrder && n < shortRun
	t := o.target(i, pts)
	still := stands(pts[i], t, o.Inverse)
	if still || i == n-1 && (o.EulerAtFinal || short || t.Sigma == 0) {
		return 1
	}
	if i == n-2 && short {
		return min(k, 2)
	}
	return k
}

// target is where step i goes.
func (o Multistep) target(i int, pts []schedule.Point) schedule.Point {
	if o.Targets != nil {
		return o.Targets[i]
	}
	return pts[i+1]
}

// stands tells whether the step from s to t has no length, as the last of a grid may, see checkPoints. The
// levels may then differ by rounding, either way.
func stands(s, t schedule.Point, inverse bool) bool {
	if inverse {
		return s.Lambda() <= t.Lambda()
	}
	return s.Lambda() >= t.Lambda()
}

// lambdaSteps are the step of a multistep method and its ratios to the steps before.
type lambdaSteps struct{ h, r0, r1 float64 }

// stepsAt are those of the step from pts[i] to t.
func stepsAt(i, order int, pts []schedule.Point, t schedule.Point) lambdaSteps {
	l := func(k int) float64 { return pts[k].Lambda() }
	s := lambdaSteps{h: t.Lambda() - l(i)}
	if order >= 2 {
		s.r0 = (l(i) - l(i-1)) / s.h
	}
	if order >= 3 {
		s.r1 = (l(i-1) - l(i-2)) / s.h
	}
	return s
}

// differences turns the weights of D0, D1 and D2 into those of the predictions m0 (now), m1 and m2:
//
//	D0 = m0, D1_0 = (m0-m1)/r0, D1_1 = (m1-m2)/r1
//	order 2: D1 = D1_0
//	order 3: D1 = D1_0 + r0/(r0+r1)*(D1_0-D1_1), D2 = (D1_0-D1_1)/(r0+r1)
func (s lambdaSteps) differences(order int, w [3]float64) [3]float64 {
	switch order {
	case 1:
		return [3]float64{w[0]}
	case 2:
		return [3]float64{w[0] + w[1]/s.r0, -w[1] / s.r0}
	}
	q := (w[1]*s.r0 + w[2]) / (s.r0 + s.r1) // weight of D1_0 - D1_1
	a, b := (w[1]+q)/s.r0, -q/s.r1          // weights of m0-m1 and m1-m2
	return [3]float64{w[0] + a, b - a, -b}
}

// plan builds the stages. step gives, for step i at the given order, the weights of x, of the predictions
// and of the noise; now is the prediction m0 as a row (D for data, epsilon for noise prediction).
func (o Multistep) plan(pts []schedule.Point, now func(schedule.Point) Row,
	step func(s, t schedule.Point, d lambdaSteps, order int) (x float64, w [3]float64, noise float64),
) (*Plan, error) {
	if o.Inverse && pts[0].Sigma == 0 {
		return nil, &PlanError{Step: 0, Detail: "sigma 0 at the start of an inversion: want it above 0"}
	}
	if o.Targets != nil && len(o.Targets) != len(pts)-1 {
		return nil, &PlanError{Step: -1, Detail: fmt.Sprintf("%d targets for %d steps", len(o.Targets), len(pts)-1)}
	}
	p := &Plan{}
	var n draws
	slots := max(o.order()-1, 1)
	for i := range len(pts) - 1 {
		s, t := pts[i], o.target(i, pts)
		order := o.orderAt(i, pts)
		d := stepsAt(i, order, pts, t)
		x, w, noise := step(s, t, d, order)
		m := d.differences(order, w)
		cur := now(s)
		st := Stage{At: s, Eval: true, Step: i, Final: true}
		st.X = Row{X: x + m[0]*cur.X, D: m[0] * cur.D}
		for k := 1; k < order; k++ {
			st.X.H[(i-k)%slots] = m[k]
		}
		if o.SDE {
			st.X.N[0], st.Draws[0] = noise, n.next()
		}
		if o.order() > 1 && i+2 < len(pts) {
			st.Push, st.Slot = &cur, i%slots
		}
		p.Stages = append(p.Stages, st)
	}
	return p, nil
}
