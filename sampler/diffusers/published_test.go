package diffusers_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler/diffusers"
	"github.com/cudiffuse/cudiffuse/schedule"
)

const schedulerFile = "scheduler/scheduler_config.json"

// publishedRun is what a published scheduler's set_timesteps gives in diffusers.
type publishedRun struct {
	Class             string
	Steps             int
	Timesteps, Sigmas []float64
	Mu                *float64
}

// publishedRuns reads model/testdata/published, see model/testdata/make_published.py.
func publishedRuns(t *testing.T) map[string]publishedRun {
	t.Helper()
	b, err := os.ReadFile("../../model/testdata/published/reference.json")
	require.NoError(t, err)
	var all map[string]map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(b, &all))
	runs := map[string]publishedRun{}
	for name, parts := range all {
		var r publishedRun
		require.NoError(t, json.Unmarshal(parts[schedulerFile], &r), name)
		runs[name] = r
	}
	return runs
}

// TestPublished reads the scheduler configurations of published models as they are, and holds the times of 20 steps, and the
// noise levels of the classes that have them, against diffusers, which rounds both to float32.
func TestPublished(t *testing.T) {
	kinds := map[string]schedule.Kind{"sd15": schedule.Epsilon, "sd21": schedule.V, "sdxl": schedule.Epsilon,
		"sdxl_refiner": schedule.Epsilon}
	runs := publishedRuns(t)
	require.Len(t, runs, 9)
	for _, name := range slices.Sorted(maps.Keys(runs)) {
		want := runs[name]
		b, err := os.ReadFile("../../model/testdata/published/" + name + ".json")
		require.NoError(t, err)
		var files map[string]json.RawMessage
		require.NoError(t, json.Unmarshal(b, &files))
		s, err := diffusers.Parse(bytes.NewReader(files[schedulerFile]))
		require.NoError(t, err, name)
		require.Empty(t, s.Unknown, name)
		require.Equal(t, want.Class, s.Class())
		kind, err := s.Kind()
		require.NoError(t, err)
		k, ok := kinds[name]
		if !ok {
			k = schedule.Velocity
		}
		require.Equal(t, k, kind, name)
		plan, err := s.Plan(diffusers.Options{Steps: want.Steps, Mu: want.Mu})
		require.NoError(t, err, name)
		require.NoError(t, plan.Validate(), name)
		var times []float64
		i := 0
		for _, st := range plan.Stages {
			if !st.Eval {
				continue
			}
			times = append(times, st.At.T)
			if len(want.Sigmas) > 0 {
				require.InEpsilon(t, want.Sigmas[i], st.At.Sigma, 1e-5, "%s: step %d", name, i)
			}
			i++
		}
		require.Len(t, times, len(want.Timesteps), name)
		require.InDeltaSlice(t, want.Timesteps, times, 1e-4, name)
	}
}
