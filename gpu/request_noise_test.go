package gpu

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// TestRequestNoise: noise of the request's own that is the seed's gives the seed's bits, other noise others, and each draw
// is asked for once a stage, whole.
func TestRequestNoise(t *testing.T) {
	const elems = 5000
	drawn, cpu := 0, NewCPU(2)
	for i, req := range gputest.Requests(elems) {
		if req.Plan.Draws() == 0 || len(req.Plan.Increments) > 0 || req.Resume != nil {
			continue
		}
		drawn++
		run := func(noise func(int, []float32)) [][]gputest.Stage {
			r := req
			r.Noise = noise
			return gputest.Execute(t, cpu, elems, []sampler.Request{r}, gputest.Lattice)
		}
		want := run(nil)
		asked := 0
		got := run(func(draw int, dst []float32) {
			require.Len(t, dst, elems)
			Normals(dst, req.Seed, draw, 0)
			asked++
		})
		gputest.RequireExact(t, want[0], got[0], "request %d", i)
		takes := 0
		for _, st := range req.Plan.Stages {
			for _, id := range st.Draws {
				if id != 0 {
					takes++
				}
			}
		}
		require.LessOrEqual(t, asked, takes, "request %d", i) // less where a stage takes a draw by a weight of zero
	}
	require.Greater(t, drawn, 5)
}

// TestRequestNoiseAndIncrements: they are two ways to draw the same.
func TestRequestNoiseAndIncrements(t *testing.T) {
	for _, req := range gputest.Requests(64) {
		if len(req.Plan.Increments) == 0 {
			continue
		}
		req.Noise = func(int, []float32) {}
		var wrong *sampler.RequestError
		require.ErrorAs(t, sampler.Check([]int{64}, []sampler.Request{req}), &wrong)
		require.Equal(t, "noise", wrong.Field)
		return
	}
	t.Fatal("no request with increments")
}
