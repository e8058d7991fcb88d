package sampler

import (
	"github.com/cudiffuse/cudiffuse/schedule"
)

// Slots is the number of history registers. No published multistep sampler needs more than four.
const Slots = 4

// Row is one output of the fused update: the coefficient of each register, in the order in which every
// device adds them up. A zero coefficient skips its register, whatever that holds.
type Row struct {
	X    float64        // the sample before this stage
	Base float64        // the sample kept at an earlier stage
	D    float64        // the predicted clean sample, clipped
	Raw  float64        // the predicted clean sample, not clipped
	Unc  float64        // the clean sample predicted by the last condition alone (the unconditional one)
	H    [Slots]float64 // history
	N    [2]float64     // standard normal noise
}

// Registers is the number of coefficients of a Row.
const Registers = 5 + Slots + 2

// Coefficients returns r in the order x, base, d, raw, unc, h0..h3, n0, n1.
func (r Row) Coefficients() [Registers]float64 {
	return [Registers]float64{r.X, r.Base, r.D, r.Raw, r.Unc, r.H[0], r.H[1], r.H[2], r.H[3], r.N[0], r.N[1]}
}

// Stage is one evaluation of the network and the update that follows it:
//
//	m      = sum_k weight[k]*out[k]           over the conditions of the request; weights made of the
//	                                          outputs with Plan.Projection, and with its momentum the
//	                                          running average for out[1]; out[0] or 0 by Guidance
//	m      = factor*m                         with Plan.Rescale only
//	raw    = From.Skip*x + From.Out*m         predicted clean sample
//	unc    = From.Skip*x + From.Out*out[last] that of the last condition alone; raw when it is the only one
//	d      = clip(raw)                        to [-Clip, Clip], or by Plan.Threshold
//	d      = mask*d + (1-mask)*known          with Request.Inpaint only
//	n0     = exp(Bias + Gain*v)*n0            with Learned only: v is the network's second output
//	x'     = X . [x base d raw unc h0..h3 n0 n1]
//	base'  = Base . [...], h'[Slot] = Push . [...]
//	in'    = c_in of the next stage * x'      the next network input
//
// All of x', base' and h' are made of the registers as they were before the stage.
type Stage struct {
	At   schedule.Point   // where the network is evaluated
	Eval bool             // false: no network evaluation; d, raw and unc are not used
	From schedule.Scaling // the network's output to a clean sample; set by [New]
	Clip float64          // static limit of d, 0 for none; set by [New]; not used with Plan.Threshold

	Guidance Guidance // what m is, see [WithInterval]

	Learned *Learned // scale of n0 by the network, nil for 1

	X     Row    // the next sample
	Base  *Row   // the next base, nil to keep it
	Push  *Row   // the next h[Slot], nil to keep the history
	Slot  int    // 0..Slots-1
	Draws [2]int // the noise draws behind n0 and n1, counted from 1; 0 for none
	Step  int    // the sampler's step this stage belongs to
	Final bool   // x' is the result of the step
}

// Plan is a sampler compiled to a table. It is data: devices only execute it.
type Plan struct {
	Sampler string  // the sampler's name
	Init    float64 // the initial sample is Init times standard normal noise (draw 0)
	Stages  []Stage

	Threshold  *Threshold  // limit of d in each stage that evaluates, in place of Stage.Clip; nil for none
	Rescale    float64     // phi of guidance rescale, 0 to 1, see [WithRescale]; 0 is off
	Projection *Projection // weights of the conditions that depend on the outputs; nil for those of the request

	// Increments[k-1], where it is there and not empty, makes draw k the sum of other draws, see [WithBrownian].
	Increments [][]Term

	refused error   // by an option
	end     float64 // the level where the last stage ends; known to options only
}

// Evaluations returns how often the network is evaluated per condition.
func (p *Plan) Evaluations() int {
	n := 0
	for i := range p.Stages {
		if p.Stages[i].Eval {
			n++
		}
	}
	return n
}

// Uses tells whether the stage uses the network's output for condition k, in the order of the request. The
// last one has a register of its own, unc.
func (st *Stage) Uses(k int) bool {
	if !st.Eval || st.Guidance == GuideAll || k == 0 && (st.Guidance == GuideFirst || st.Learned != nil) {
		return st.Eval
	}
	return st.X.Unc != 0 || st.Base != nil && st.Base.Unc != 0 || st.Push != nil && st.Push.Unc != 0
}

// NetworkRows returns how often the network is evaluated for a request of so many conditions, where each is
// evaluated only in the stages that use it.
func (p *Plan) NetworkRows(conds int) int {
	n := 0
	for i := range p.Stages {
		for k := range conds {
			if p.Stages[i].Uses(k) {
				n++
			}
		}
	}
	return n
}

// Steps returns the number of steps.
func (p *Plan) Steps() int {
	n := 0
	for i := range p.Stages {
		if p.Stages[i].Final {
			n++
		}
	}
	return n
}

// Draws returns how many noise draws the plan uses after the initial noise.
func (p *Plan) Draws() int {
	n := 0
	for i := range p.Stages {
		n = max(n, p.Stages[i].Draws[0], p.Stages[i].Draws[1])
	}
	return n
}

// Cost is what a plan asks of a device.
type Cost struct {
	Evaluations int // of the network, per condition
	Launches    int // of update kernels, for all requests of a batch at once
}

// Cost returns the plan's cost. Each stage is one launch. A stage that evaluates needs a second one, before
// it, when Threshold, Rescale or Projection ask for numbers that are made of the whole sample; all share it. A
// stage that adds to the average of a projection with momentum needs a third one, before these. (A stage that is
// captured as a graph, once for all stages, has the kernels of any of them, in one call to the driver.)
func (p *Plan) Cost() Cost {
	c := Cost{Evaluations: p.Evaluations(), Launches: len(p.Stages)}
	if p.Reduces() {
		c.Launches += c.Evaluations
	}
	for i := range p.Stages {
		if p.Averages() && p.Stages[i].averages() {
			c.Launches++
		}
	}
	return c
}

// Reduces tells whether the stages that evaluate need a reduction over the whole sample.
func (p *Plan) Reduces() bool { return p.Threshold != nil || p.Rescale != 0 || p.Projection != nil }
