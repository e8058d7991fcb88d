package sampler

import (
	"fmt"
	"math"
)

// Validate checks that every device can execute p: finite coefficients, slots written before they are
// read, noise coefficients with a draw behind them, draws made of others that are there, d only where the network is evaluated, a threshold and
// a rescale in their ranges.
func (p *Plan) Validate() error {
	fail := func(st *Stage, format string, a ...any) error {
		return &PlanError{Sampler: p.Sampler, Step: st.Step, Detail: fmt.Sprintf(format, a...)}
	}
	if p.refused != nil {
		return p.refused
	}
	if len(p.Stages) == 0 {
		return &PlanError{Sampler: p.Sampler, Step: -1, Detail: "no stages"}
	}
	if !finite(p.Init, float64(float32(p.Init))) {
		return &PlanError{Sampler: p.Sampler, Step: -1, Detail: fmt.Sprintf("initial scale %v", p.Init)}
	}
	if detail := p.Threshold.check(); detail != "" {
		return &PlanError{Sampler: p.Sampler, Step: -1, Detail: detail}
	}
	if detail := p.Projection.check(); detail != "" {
		return &PlanError{Sampler: p.Sampler, Step: -1, Detail: detail}
	}
	if !(p.Rescale >= 0 && p.Rescale <= 1) {
		return &PlanError{Sampler: p.Sampler, Step: -1,
			Detail: fmt.Sprintf("rescale %v: want 0 to 1", p.Rescale)}
	}
	if detail := p.checkIncrements(); detail != "" {
		return &PlanError{Sampler: p.Sampler, Step: -1, Detail: detail}
	}
	var written [Slots]bool
	for i := range p.Stages {
		st := &p.Stages[i]
		if !finite(st.From.Skip, st.From.Out, st.At.In, st.At.T, float64(float32(st.At.T))) {
			return fail(st, "network scaling %+v at %+v is not finite", st.From, st.At)
		}
		if !finite(st.Clip) || st.Clip < 0 {
			return fail(st, "clip limit %v: want a positive number, or 0 for none", st.Clip)
		}
		if st.Guidance < GuideAll || st.Guidance > GuideNone || st.Guidance != GuideAll && !st.Eval {
			return fail(st, "guidance %d of a stage that evaluates: %t", int(st.Guidance), st.Eval)
		}
		if detail := st.Learned.check(st); detail != "" {
			return fail(st, "%s", detail)
		}
		for _, r := range st.rows() {
			if err := r.check(st, written); err != "" {
				return fail(st, "%s", err)
			}
		}
		if st.Push != nil {
			if st.Slot < 0 || st.Slot >= Slots {
				return fail(st, "history slot %d: want 0 to %d", st.Slot, Slots-1)
			}
			written[st.Slot] = true
		}
	}
	return nil
}

func (st *Stage) rows() []Row {
	rows := []Row{st.X}
	if st.Base != nil {
		rows = append(rows, *st.Base)
	}
	if st.Push != nil {
		rows = append(rows, *st.Push)
	}
	return rows
}

// check returns what is wrong with r in stage st, or "".
func (r Row) check(st *Stage, written [Slots]bool) string {
	for _, c := range r.Coefficients() {
		if !finite(c) || math.IsInf(float64(float32(c)), 0) {
			return fmt.Sprintf("coefficient %v does not fit a float32", c)
		}
	}
	if !st.Eval && (r.D != 0 || r.Raw != 0 || r.Unc != 0) {
		return "uses a prediction, but the network is not evaluated"
	}
	for k, h := range r.H {
		if h != 0 && !written[k] {
			return fmt.Sprintf("history slot %d is read before it is written", k)
		}
	}
	for k, n := range r.N {
		if n != 0 && st.Draws[k] <= 0 {
			return fmt.Sprintf("noise n%d has no draw", k)
		}
	}
	return ""
}

// refuse is the error of an option that cannot be.
func refuse(format string, a ...any) error {
	return &PlanError{Step: -1, Detail: fmt.Sprintf(format, a...)}
}
