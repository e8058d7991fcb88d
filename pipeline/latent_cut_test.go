package pipeline

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler"
)

// TestCutPlan: the stages of a step go together, and what a later stage reads must not have been written by
// one that is gone.
func TestCutPlan(t *testing.T) {
	keep, history := &sampler.Row{X: 1}, sampler.Row{X: 1, H: [sampler.Slots]float64{0, 1}}
	for name, c := range map[string]struct {
		stages []sampler.Stage
		steps  int
		want   int // stages left, 0 for a plan that cannot be cut
	}{
		"one stage each":    {[]sampler.Stage{{Final: true}, {Final: true}, {Final: true}}, 1, 2},
		"two stages a step": {[]sampler.Stage{{}, {Final: true}, {Base: keep}, {X: sampler.Row{Base: 1}, Final: true}}, 1, 2},
		"base is gone":      {[]sampler.Stage{{Base: keep, Final: true}, {X: sampler.Row{Base: 1}, Final: true}}, 1, 0},
		"base in its stage": {[]sampler.Stage{{Final: true}, {Base: &sampler.Row{Base: 1}, Final: true}}, 1, 0},
		"history is gone":   {[]sampler.Stage{{Push: keep, Slot: 1, Final: true}, {X: history, Final: true}}, 1, 0},
		"another slot": {[]sampler.Stage{{Push: keep, Slot: 1, Final: true}, {Push: keep, Final: true},
			{X: history, Final: true}}, 1, 0},
		"history is made": {[]sampler.Stage{{Final: true}, {Push: keep, Slot: 1, Final: true}, {X: history, Final: true}}, 1, 2},
		"all":             {[]sampler.Stage{{Final: true}}, 1, 0},
	} {
		p := &sampler.Plan{Stages: c.stages, Rescale: 0.5}
		cut, ok := cutPlan(p, c.steps)
		require.Equal(t, c.want > 0, ok, name)
		require.Len(t, p.Stages, len(c.stages), "the plan itself stays")
		if ok {
			require.Equal(t, c.stages[len(c.stages)-c.want:], cut.Stages, name)
			require.Equal(t, 0.5, cut.Rescale)
		}
	}
}
