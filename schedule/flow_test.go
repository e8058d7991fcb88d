package schedule_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestFlowTimesMatchDiffusers compares with FlowMatchEulerDiscreteScheduler, which keeps its times in float32.
func TestFlowTimesMatchDiffusers(t *testing.T) {
	kinds := map[string]int{}
	for _, r := range readReferences(t).Flow {
		kinds[r.Kind]++
		got, err := schedule.FlowTimes(r.Steps)
		require.NoError(t, err)
		mu := r.Mu
		if r.Tokens > 0 {
			mu, err = schedule.FlowMu{}.At(r.Tokens)
			require.NoError(t, err)
			require.InDelta(t, r.Mu, mu, 1e-12)
		}
		switch r.Kind {
		case "shift":
			schedule.FlowShift(got, r.Shift)
		case "linear":
			schedule.FlowShift(got, mu)
		case "exponential", "terminal":
			schedule.FlowShift(got, math.Exp(mu))
		}
		if r.Kind == "terminal" {
			require.NoError(t, schedule.FlowStretch(got, r.Terminal))
			require.InDelta(t, r.Terminal, got[len(got)-1], 1e-15)
		}
		require.InDeltaSlice(t, r.Levels, append(got, 0), 3e-7, "%+v", r)
	}
	for _, k := range []string{"shift", "exponential", "linear", "terminal"} {
		require.NotZero(t, kinds[k], k)
	}
}

func TestBadFlowTimesAreRefused(t *testing.T) {
	nan := math.NaN()
	times := func(n int) error { _, err := schedule.FlowTimes(n); return err }
	mu := func(m schedule.FlowMu, tokens int) error { _, err := m.At(tokens); return err }
	for want, err := range map[string]error{
		"steps 0":                 times(0),
		"steps -1":                times(-1),
		"steps 92233":             times(math.MaxInt),
		"image tokens 0":          mu(schedule.FlowMu{}, 0),
		"dynamic shift 9, 9":      mu(schedule.FlowMu{BaseTokens: 9, MaxTokens: 9}, 1),
		"dynamic shift NaN":       mu(schedule.FlowMu{BaseTokens: 1, MaxTokens: 9, MaxShift: nan}, 1),
		"terminal flow time NaN":  schedule.FlowStretch([]float64{1, 0.5}, nan),
		"terminal flow time 1":    schedule.FlowStretch([]float64{1, 0.5}, 1),
		"flow times 1: want time": schedule.FlowStretch([]float64{1}, 0.1),
		"flow times 0":            schedule.FlowStretch(nil, 0.1),
	} {
		var e *schedule.Error
		require.ErrorAs(t, err, &e, want)
		require.ErrorContains(t, err, want)
	}
}
