package sampler_test

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// saved runs requests for some stages and returns the state of each, sent through its binary form.
func saved(t testing.TB, dev sampler.Device, reqs []sampler.Request, stages int) []*sampler.State {
	t.Helper()
	var states []*sampler.State
	for s, err := range sampler.Steps(t.Context(), dev, newFake(), reqs) {
		require.NoError(t, err)
		if s.Stage < stages {
			continue
		}
		for i := range reqs {
			st, err := s.Save(i)
			require.NoError(t, err)
			back := new(sampler.State)
			require.NoError(t, back.UnmarshalBinary(marshal(t, st)))
			require.Equal(t, st, back)
			states = append(states, back)
		}
		break
	}
	return states
}

func marshal(t testing.TB, s *sampler.State) []byte {
	t.Helper()
	data, err := s.MarshalBinary()
	require.NoError(t, err)
	return data
}

// TestResume interrupts a mixed batch, whose rows have 1 to 6 stages, after each stage and goes on with
// it: all of it, and beside requests that begin.
func TestResume(t *testing.T) {
	dev, reqs := cpu(t), mixed(t)
	want, err := sampler.Run(t.Context(), dev, newFake(), reqs)
	require.NoError(t, err)
	for cut := 1; cut <= 6; cut++ {
		resumed := make([]sampler.Request, len(reqs))
		for i, s := range saved(t, dev, reqs, cut) {
			conds := make([]sampler.Cond, len(reqs[i].Conds))
			for k, w := range reqs[i].Conds {
				conds[k] = w.Cond
			}
			resumed[i], err = s.Request(conds...)
			require.NoError(t, err)
			require.Equal(t, min(cut, len(reqs[i].Plan.Stages)), s.Stage)
		}
		m := newFake()
		got, err := sampler.Run(t.Context(), dev, m, resumed)
		require.NoError(t, err)
		require.Equal(t, want, got, "after %d stages", cut)
		require.Equal(t, 6-cut, m.calls, "only what is left is evaluated")

		resumed[2] = reqs[2]
		got, err = sampler.Run(t.Context(), dev, newFake(), append(resumed, reqs...))
		require.NoError(t, err)
		require.Equal(t, append(append([][]float32{}, want...), want...), got, "after %d stages", cut)
	}
}

// TestResumeReports: stages of the call and own steps of the requests.
func TestResumeReports(t *testing.T) {
	dev := cpu(t)
	reqs := mixed(t)[:1] // 4 steps of one stage
	reqs[0].Resume = saved(t, dev, reqs, 3)[0]
	n := 0
	for s, err := range sampler.Steps(t.Context(), dev, newFake(), reqs) {
		require.NoError(t, err)
		require.Equal(t, []int{1, 1}, []int{s.Stage, s.Stages})
		done, total := s.Done(0)
		require.Equal(t, []int{4, 4}, []int{done, total})
		reqs[0].Resume, err = s.Save(0)
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 1, n)
	for s, err := range sampler.Steps(t.Context(), dev, newFake(), reqs) { // nothing is left
		require.NoError(t, err)
		require.Equal(t, []int{0, 0}, []int{s.Stage, s.Stages})
		n++
	}
	require.Equal(t, 2, n)
}

// TestNotSaved: where there is nothing to save, and who cannot.
func TestNotSaved(t *testing.T) {
	_, err := sampler.Step{}.Save(0)
	require.ErrorIs(t, err, sampler.ErrClosed)
	reqs := mixed(t)
	for s, err := range sampler.Steps(t.Context(), &watched{Device: cpu(t)}, newFake(), reqs) {
		require.NoError(t, err)
		_, err = s.Save(0)
		require.ErrorIs(t, err, sampler.ErrNotSaver, "watched hides it")
		break
	}
	var kept sampler.Step
	for s, err := range sampler.Steps(t.Context(), cpu(t), newFake(), reqs) {
		require.NoError(t, err)
		for _, row := range []int{-1, len(reqs)} {
			_, err = s.Save(row)
			var e *sampler.RequestError
			require.ErrorAs(t, err, &e)
		}
		kept = s
		break
	}
	_, err = kept.Save(0)
	require.ErrorIs(t, err, sampler.ErrClosed)
}

// TestSavedIsACopy: neither the program nor another state sees what becomes of a state.
func TestSavedIsACopy(t *testing.T) {
	reqs := mixed(t)
	for s, err := range sampler.Steps(t.Context(), cpu(t), newFake(), reqs) {
		require.NoError(t, err)
		a, err := s.Save(3)
		require.NoError(t, err)
		before := marshal(t, a)
		a.X[0], a.D[0], a.Weights[0], a.Plan.Stages[0].X.X = 99, 99, 99, 99
		b, err := s.Save(3)
		require.NoError(t, err)
		require.Equal(t, before, marshal(t, b))
		if s.Stage == 3 {
			break
		}
	}
}

// TestResumeErrors: a state of another run is refused by name, before the network is asked.
func TestResumeErrors(t *testing.T) {
	dev := cpu(t)
	base := sampler.Request{Plan: plan(t, "dpmpp_2m", 4, sampler.Params{}), Conds: guide(t, scale(1), scale(2), 3), Seed: 7}
	known := &sampler.Inpaint{Known: make([]float32, 6), Mask: make([]float32, 6)}
	for _, c := range []struct {
		field  string
		change func(r *sampler.Request, s *sampler.State)
	}{
		{"resume plan", func(r *sampler.Request, _ *sampler.State) { r.Plan = plan(t, "dpmpp_2m", 5, sampler.Params{}) }},
		{"resume plan", func(r *sampler.Request, _ *sampler.State) {
			r.Plan = r.Plan.Clone()
			r.Plan.Stages[3].Draws[1] = 9
		}},
		{"resume elements", func(_ *sampler.Request, s *sampler.State) {
			s.X, s.D, s.H[0] = s.X[:5], s.D[:5], s.H[0][:5]
		}},
		{"resume conditions", func(r *sampler.Request, _ *sampler.State) { r.Conds = r.Conds[:1] }},
		{"resume seed", func(r *sampler.Request, _ *sampler.State) { r.Seed++ }},
		{"resume inpaint", func(r *sampler.Request, _ *sampler.State) { r.Inpaint = known }},
		{"resume inpaint", func(_ *sampler.Request, s *sampler.State) { s.Inpaint = known }},
	} {
		r, s := base, saved(t, dev, []sampler.Request{base}, 2)[0]
		r.Resume = s
		c.change(&r, s)
		m := newFake()
		_, err := sampler.Run(t.Context(), dev, m, []sampler.Request{base, r})
		var e *sampler.RequestError
		require.ErrorAs(t, err, &e, c.field)
		require.Equal(t, c.field, e.Field)
		require.Equal(t, 1, e.Row)
		require.Zero(t, m.calls)
	}
	r := base
	r.Resume = saved(t, dev, []sampler.Request{base}, 2)[0]
	r.Plan = plan(t, "dpmpp_2m", 4, sampler.Params{}) // compiled again
	r.Conds = guide(t, scale(1), scale(2), 5)         // on purpose
	_, err := sampler.Run(t.Context(), dev, newFake(), []sampler.Request{r})
	require.NoError(t, err)

	r.Resume.H[0] = nil
	_, err = sampler.Run(t.Context(), dev, newFake(), []sampler.Request{r})
	var e *sampler.StateError
	require.ErrorAs(t, err, &e)
}

// TestStateValidate: every part that may be missing or wrong.
func TestStateValidate(t *testing.T) {
	dev := cpu(t)
	for _, c := range []struct {
		field  string
		change func(s *sampler.State)
	}{
		{"plan", func(s *sampler.State) { s.Plan = nil }},
		{"plan", func(s *sampler.State) { s.Plan.Stages[0].X.X = math.NaN() }},
		{"stage", func(s *sampler.State) { s.Stage = -1 }},
		{"stage", func(s *sampler.State) { s.Stage = 5 }},
		{"weights", func(s *sampler.State) { s.Weights = nil }},
		{"weights", func(s *sampler.State) { s.Weights[1] = math.Inf(1) }},
		{"weights", func(s *sampler.State) { s.Weights[1] = 1e39 }},
		{"x", func(s *sampler.State) { s.X = nil }},
		{"d", func(s *sampler.State) { s.D = s.D[:5] }},
		{"d", func(s *sampler.State) { s.D = nil }},
		{"base", func(s *sampler.State) { s.Base = make([]float32, 6) }},
		{"h0", func(s *sampler.State) { s.H[0] = nil }},
		{"h3", func(s *sampler.State) { s.H[3] = make([]float32, 6) }},
		{"inpaint mask", func(s *sampler.State) { s.Inpaint = &sampler.Inpaint{Known: make([]float32, 6)} }},
		{"inpaint mask", func(s *sampler.State) {
			s.Inpaint = &sampler.Inpaint{Known: make([]float32, 6), Mask: []float32{2, 0, 0, 0, 0, 0}}
		}},
	} {
		s := saved(t, dev, []sampler.Request{{Plan: plan(t, "dpmpp_2m", 4, sampler.Params{}),
			Conds: guide(t, scale(1), scale(2), 3)}}, 2)[0]
		require.NoError(t, s.Validate())
		c.change(s)
		var e *sampler.StateError
		require.ErrorAs(t, s.Validate(), &e, c.field)
		require.Equal(t, c.field, e.Field)
		require.NotEmpty(t, e.Error())
		_, err := s.MarshalBinary()
		require.ErrorAs(t, err, &e)
		_, err = s.Request(nil, nil)
		require.ErrorAs(t, err, &e)
	}
	s := saved(t, dev, []sampler.Request{{Plan: plan(t, "ddim", 2, sampler.Params{}), Conds: guide(t, nil, nil, 1)}}, 1)[0]
	_, err := s.Request(nil, nil)
	var e *sampler.StateError
	require.ErrorAs(t, err, &e)
	require.Equal(t, "conditions", e.Field)
	var pe *sampler.PlanError
	s.Plan.Stages = nil
	require.True(t, errors.As(s.Validate(), &pe), "the cause is kept")
}

// TestLive: what the stages to come of hand-made plans read, worked out by hand.
func TestLive(t *testing.T) {
	h := func(slots ...int) (l [sampler.Slots]bool) {
		for _, k := range slots {
			l[k] = true
		}
		return l
	}
	for name, want := range map[string][]sampler.Live{
		"single": {{}, {D: true}},
		// Slots 0 to 3 are filled by the first four stages, and then all of them and base are read.
		"every register": {{Base: true}, {D: true, Base: true, H: h(0)}, {D: true, Base: true, H: h(0, 1)},
			{D: true, Base: true, H: h(0, 1, 2)}, {D: true, Base: true, H: h(0, 1, 2, 3)},
			{D: true, Base: true, H: h(0, 1, 2, 3)}, {D: true, Base: true, H: h(0, 1, 2, 3)}, {D: true}},
		"zero over nan": {{}, {D: true}, {D: true}, {D: true}}, // slot 1 is written and never read
		// Base and slot 0 are written in stages 0 and 1 and read in stage 2.
		"without evaluation": {{}, {Base: true}, {D: true, Base: true, H: h(0)}, {D: true}, {D: true}, {D: true}},
		"initial base":       {{Base: true}, {D: true, Base: true}, {D: true}},
	} {
		p := gputest.Plans()[name]
		for stage := range want {
			require.Equal(t, want[stage], p.Live(stage), "%s, %d", name, stage)
		}
		require.Len(t, want, len(p.Stages)+1)
	}
}
