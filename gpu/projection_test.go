package gpu

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestProjectionsAreThoseOfDiffusers compares with testdata/guidance.json, which make_guidance.py wrote. The plan's one
// step makes the sample the guided output.
func TestProjectionsAreThoseOfDiffusers(t *testing.T) {
	text, err := os.ReadFile("testdata/guidance.json")
	require.NoError(t, err)
	var golden struct {
		Scale float64
		Cases []struct {
			Name, Kind string
			Eta, Norm  float64
			C, U, M    []float32
		}
	}
	require.NoError(t, json.Unmarshal(text, &golden))
	require.Len(t, golden.Cases, 12)
	conds, err := sampler.Guide("c", "u", golden.Scale)
	require.NoError(t, err)
	forEachDevice(t, func(t *testing.T, dev sampler.Device, dtype gputest.DType) {
		if dtype != gputest.Float32 {
			return
		}
		for _, c := range golden.Cases {
			kind, err := sampler.ParseProjection(c.Kind)
			require.NoError(t, err)
			plan := &sampler.Plan{Sampler: "one step", Stages: []sampler.Stage{{Eval: true, Final: true,
				At: schedule.Point{In: 1, Alpha: 1}, From: schedule.Scaling{Out: 1}, X: sampler.Row{D: 1}}}}
			sampler.WithProjection(&sampler.Projection{Kind: kind, Eta: c.Eta, Norm: c.Norm})(plan)
			trace := gputest.Execute(t, dev, len(c.C), []sampler.Request{{Plan: plan, Conds: conds}},
				func(cond sampler.Cond, _ float32, _, out []float32) {
					copy(out, map[sampler.Cond][]float32{"c": c.C, "u": c.U}[cond])
				})
			for i, want := range c.M {
				got := trace[0][1].X[i]
				assert.LessOrEqual(t, math.Abs(float64(got-want)), 4e-6*max(1, math.Abs(float64(want))), "%s: %d", c.Name, i)
			}
		}
	})
}
