package gputest

import (
	"math/rand/v2"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// Plans are hand-made: each is about one thing that a device can get wrong. They sample nothing.
func Plans() map[string]*sampler.Plan {
	from := schedule.Scaling{Skip: 1.25, Out: -0.75}
	at := func(t, in float64) schedule.Point { return schedule.Point{T: t, Alpha: 0.8, Sigma: 0.6, In: in} }
	all := sampler.Row{X: 0.5, Base: -0.25, D: 0.3, Raw: -0.2, Unc: 0.15,
		H: [4]float64{0.1, -0.125, 0.0625, -0.3}, N: [2]float64{0.7, -0.4}}
	plans := map[string]*sampler.Plan{}

	// One stage, as DDIM.
	plans["single"] = &sampler.Plan{Init: 1, Stages: []sampler.Stage{
		{At: at(999, 1), Eval: true, From: from, Clip: 1, X: sampler.Row{X: 0.3, D: 0.7}, Final: true}}}

	// Fill the four slots and base, then use every register in all three rows.
	every := &sampler.Plan{Init: 1.5}
	for k := range sampler.Slots {
		every.Stages = append(every.Stages, sampler.Stage{At: at(900-float64(k), 0.9), Eval: true, From: from,
			X: sampler.Row{X: 0.9, Raw: 0.1}, Push: &sampler.Row{D: 1, X: float64(k) / 8}, Slot: k})
	}
	base, push := all, all
	base.X, push.H[2] = 0.75, 0.875
	for k := range 3 {
		every.Stages = append(every.Stages, sampler.Stage{At: at(500-float64(k), 1.1), Eval: true, From: from,
			Clip: 0.5, X: all, Base: &base, Push: &push, Slot: 2 * k % 4, Draws: [2]int{1 + 2*k, 2 + 2*k},
			Step: k, Final: true})
	}
	plans["every register"] = every

	// Only coefficients of zero for registers that hold not-a-numbers: the sample must stay finite.
	plans["zero over nan"] = &sampler.Plan{Init: 1, Stages: []sampler.Stage{
		{At: at(3, 1), Eval: true, From: from, X: sampler.Row{X: 1}, Push: &sampler.Row{D: 1}, Slot: 1},
		{At: at(2, 1), Eval: true, From: schedule.Scaling{Skip: 1}, X: sampler.Row{X: 0.5, D: 0.5}},
		{At: at(1, 1), Eval: true, From: schedule.Scaling{Out: 1}, X: sampler.Row{}, Final: true}}}

	// A stage before, between and after evaluations.
	plans["without evaluation"] = &sampler.Plan{Init: 2, Stages: []sampler.Stage{
		{At: at(9, 1), X: sampler.Row{X: 0.5, N: [2]float64{0.25}}, Base: &sampler.Row{X: 1}, Draws: [2]int{1}},
		{At: at(8, 0.7), Eval: true, From: from, Clip: 2, X: sampler.Row{X: 1, D: -0.5},
			Push: &sampler.Row{Raw: 1}},
		{At: at(7, 1), X: sampler.Row{Base: 1, H: [4]float64{0.5}, N: [2]float64{0, 0.1}}, Draws: [2]int{0, 2}},
		{At: at(6, 0.6), Eval: true, From: from, X: sampler.Row{X: 0.5, Unc: 0.5}},
		{At: at(5, 1), X: sampler.Row{X: -1}, Final: true}}}

	// Base is the initial sample until it is written.
	plans["initial base"] = &sampler.Plan{Init: 0.5, Stages: []sampler.Stage{
		{At: at(2, 1), Eval: true, From: from, X: sampler.Row{D: 1}},
		{At: at(1, 1), Eval: true, From: from, X: sampler.Row{Base: 0.5, D: 0.5}, Final: true}}}
	for name, p := range plans {
		p.Sampler = name
	}
	return plans
}

// Random returns a valid plan of n stages with about half of the coefficients zero.
func Random(rng *rand.Rand, n int) *sampler.Plan {
	p := &sampler.Plan{Sampler: "random", Init: 0.5 + rng.Float64()}
	var written [sampler.Slots]bool
	for i := range n {
		st := sampler.Stage{At: schedule.Point{T: float64(1000 - i), Alpha: 1, Sigma: 1, In: 0.5 + rng.Float64()},
			Eval: rng.IntN(5) > 0, Step: i, Final: true}
		if st.Eval {
			st.From = schedule.Scaling{Skip: maybe(rng), Out: maybe(rng)}
			st.Clip = float64(rng.IntN(3)) / 2
		}
		st.Draws = [2]int{2*i + 1, 2*i + 2}
		st.X = randomRow(rng, st.Eval, written)
		if rng.IntN(3) == 0 {
			row := randomRow(rng, st.Eval, written)
			st.Base = &row
		}
		if rng.IntN(2) == 0 {
			row := randomRow(rng, st.Eval, written)
			st.Push, st.Slot = &row, rng.IntN(sampler.Slots)
			written[st.Slot] = true
		}
		p.Stages = append(p.Stages, st)
	}
	return p
}

func randomRow(rng *rand.Rand, eval bool, written [sampler.Slots]bool) sampler.Row {
	r := sampler.Row{X: maybe(rng), Base: maybe(rng), N: [2]float64{maybe(rng), maybe(rng)}}
	if eval {
		r.D, r.Raw, r.Unc = maybe(rng), maybe(rng), maybe(rng)
	}
	for k := range r.H {
		if written[k] {
			r.H[k] = maybe(rng)
		}
	}
	return r
}

func maybe(rng *rand.Rand) float64 {
	if rng.IntN(2) == 0 {
		return 0
	}
	return float64(rng.Float64()*1.2) - 0.6 // not fused, so that plans are the same everywhere
}
