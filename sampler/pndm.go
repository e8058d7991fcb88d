package sampler

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// PNDM is the pseudo linear multistep method of Liu et al., "Pseudo Numerical Methods for Diffusion Models
// on Manifolds" (2022), arXiv:2202.09778, equations 9, 12 and 13, Algorithm 2.
//
// The transfer from s to t along a noise e is exact where e is constant:
//
//	P(x, s, t, e) = alpha[t]*( x/alpha[s] + (sigma[t]/alpha[t] - sigma[s]/alpha[s])*e )
//	x' = P(x, s, t, (55*e[i] - 59*e[i-1] + 37*e[i-2] - 9*e[i-3])/24)
//
// with the shorter Adams-Bashforth sums at the start. PLMS makes its first step twice, with the mean of the
// noises at both ends (N+1 evaluations for N steps). With RungeKutta the first three steps are pseudo
// Runge-Kutta steps of four evaluations, as published (N+9); one to sigma 0 has one evaluation. The weights
// are those of even steps, so the order is 2 on any smooth grid.
type PNDM struct {
	RungeKutta bool
	Timesteps  Timesteps // of the evaluations half way of a Runge-Kutta step

	// Velocity keeps and mixes v = alpha*epsilon - sigma*x0 in place of epsilon, as diffusers does for
	// networks that predict it. The transfer then takes the noise of the mix at its own start, which makes
	// the method one of order 1 (see TestPNDMOrder). For exact comparison.
	Velocity bool

	// Track, when set, has one transfer for each evaluation, in place of those between grid points. diffusers
	// goes from timestep t to t - T/steps whatever the next one is.
	Track []Transfer
}

// Transfer is where [PNDM] evaluates the network, and between which points it then moves the sample.
type Transfer struct{ At, From, To schedule.Point }

// Name implements [Sampler].
func (o PNDM) Name() string {
	if o.RungeKutta {
		return "pndm"
	}
	return "plms"
}

func (o PNDM) withNoise(n *schedule.Noise) Sampler { o.Timesteps = timestepsOf(n); return o }

// adamsBashforth are the weights on even steps, by the number of epsilons.
var adamsBashforth = [5][]float64{1: {1}, 2: {3. / 2, -1. / 2}, 3: {23. / 12, -16. / 12, 5. / 12},
	4: {55. / 24, -59. / 24, 37. / 24, -9. / 24}}

// The slots of PNDM: a ring of the newest three noises, and the sum of a Runge-Kutta step.
const (
	pndmRing = 3
	pndmSum  = 3
)

// Plan implements [Sampler].
func (o PNDM) Plan(pts []schedule.Point) (*Plan, error) {
	if pts[0].Alpha == 0 {
		return nil, noSignal(o.Name())
	}
	track := o.track(pts)
	if o.Track != nil {
		if len(o.Track) != len(track) {
			return nil, &PlanError{Sampler: o.Name(), Step: -1,
				Detail: fmt.Sprintf("%d transfers for %d evaluations", len(o.Track), len(track))}
		}
		track = o.Track
	}
	p := &Plan{}
	for i := range len(pts) - 1 {
		var stages []Stage
		switch o.evaluations(i, pts) {
		case 4:
			stages = o.rungeKutta(i, track)
		case 2:
			stages = o.twice(i, track)
		default:
			stages = o.multistep(i, track)
		}
		track = track[len(stages):]
		for k := range stages {
			stages[k].Eval, stages[k].Step, stages[k].Final = true, i, k == len(stages)-1
		}
		p.Stages = append(p.Stages, stages...)
	}
	return p, nil
}

// evaluations returns how many step i takes.
func (o PNDM) evaluations(i int, pts []schedule.Point) int {
	switch {
	case o.RungeKutta && i < 3 && pts[i+1].Sigma > 0:
		return 4
	case !o.RungeKutta && i == 0 && len(pts) > 2:
		return 2
	}
	return 1
}

// track returns the transfers between the points of the grid.
func (o PNDM) track(pts []schedule.Point) []Transfer {
	var out []Transfer
	for i := range len(pts) - 1 {
		s, t := pts[i], pts[i+1]
		switch o.evaluations(i, pts) {
		case 4:
			m := o.Timesteps.middle(s, t)
			out = append(out, Transfer{s, s, m}, Transfer{m, s, m}, Transfer{m, s, t}, Transfer{t, s, t})
		case 2:
			out = append(out, Transfer{s, s, t}, Transfer{t, s, t})
		default:
			out = append(out, Transfer{s, s, t})
		}
	}
	return out
}

// multistep is a step along the weighted newest noises.
func (o PNDM) multistep(i int, track []Transfer) []Stage {
	now := o.now(track[0].At)
	w := adamsBashforth[min(i+1, 4)]
	mix := Row{}.plus(w[0], now)
	for k := 1; k < len(w); k++ {
		mix.H[(i-k)%pndmRing] = w[k]
	}
	return []Stage{{At: track[0].At, X: o.move(track[0], Row{X: 1}, mix), Push: &now, Slot: i % pndmRing}}
}

// twice is the first step of PLMS: to the end and, with the mean of both noises, there again.
func (o PNDM) twice(i int, track []Transfer) []Stage {
	start, end := o.now(track[0].At), o.now(track[1].At)
	mean := Row{H: [Slots]float64{0.5}}.plus(0.5, end)
	return []Stage{
		{At: track[0].At, X: o.move(track[0], Row{X: 1}, start), Base: &Row{X: 1},
			Push: &start, Slot: i % pndmRing},
		{At: track[1].At, X: o.move(track[1], Row{Base: 1}, mean)},
	}
}

// rungeKutta is a step with the noises of the start, twice the middle, and the end.
func (o PNDM) rungeKutta(i int, track []Transfer) []Stage {
	var e [4]Row
	for k := range e {
		e[k] = o.now(track[k].At)
	}
	from, slot := Row{Base: 1}, i%pndmRing
	second, third, sum := Row{}, Row{}, Row{}
	second.H[slot], third.H[pndmSum], sum.H[pndmSum] = 1./6, 1, 1
	second, third, sum = second.plus(1./3, e[1]), third.plus(1./3, e[2]), sum.plus(1./6, e[3])
	return []Stage{
		{At: track[0].At, X: o.move(track[0], Row{X: 1}, e[0]), Base: &Row{X: 1}, Push: &e[0], Slot: slot},
		{At: track[1].At, X: o.move(track[1], from, e[1]), Push: &second, Slot: pndmSum},
		{At: track[2].At, X: o.move(track[2], from, e[2]), Push: &third, Slot: pndmSum},
		{At: track[3].At, X: o.move(track[3], from, sum)},
	}
}

// now is what the network says at p, as a row: epsilon, or v = alpha*epsilon - sigma*D.
func (o PNDM) now(p schedule.Point) Row {
	e := epsilonAt(p)
	if o.Velocity {
		return Row{D: -p.Sigma}.plus(p.Alpha, e)
	}
	return e
}

// move is the transfer of the sample in row x along the noise in row e.
func (o PNDM) move(t Transfer, x, e Row) Row {
	if o.Velocity {
		c := t.From.In * t.From.In // epsilon = (alpha*v + sigma*x)/(alpha^2 + sigma^2)
		e = Row{}.plus(c*t.From.Alpha, e).plus(c*t.From.Sigma, x)
	}
	return Row{}.plus(t.To.Alpha/t.From.Alpha, x).plus(t.To.Alpha*(level(t.To)-level(t.From)), e)
}
