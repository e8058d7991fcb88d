package diffusers_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/sampler/internal/table"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// TestRePaintMatchesDiffusers compares the elements that are generated; the network is element-wise, so the
// known ones do not touch them. The reference draws once a step, used or not, and once a timestep on the way
// back, which is one draw here.
func TestRePaintMatchesDiffusers(t *testing.T) {
	g := readGoldens(t)
	betas, err := schedule.Linear(1000, 1e-4, 0.02)
	require.NoError(t, err)
	count := 0
	for _, c := range g.cases {
		if c.Class != "RePaintScheduler" {
			continue
		}
		count++
		p, err := c.plan(t)
		require.NoError(t, err)
		times, err := g.file.Float64s(c.ID + ".timesteps")
		require.NoError(t, err)
		drawn := [][]float64{g.draw(0)}
		n, last := 0, times[0]+1
		next := func() []float64 { n++; return g.draw(n) }
		stride := 1000 / c.Steps
		var back []float64 // the noise of the undone timesteps
		keep := 1.0
		finish := func() {
			if back != nil {
				for k := range back {
					back[k] /= math.Sqrt(1 - keep)
				}
				drawn, back, keep = append(drawn, back), nil, 1
			}
		}
		for _, at := range times {
			if at < last {
				finish()
				if z := next(); c.Config["eta"].(float64) > 0 {
					drawn = append(drawn, z)
				}
			} else {
				if back == nil {
					back = make([]float64, len(drawn[0]))
				}
				for k := range stride {
					b, z := betas[int(last)+k], next()
					keep *= 1 - b
					for e := range back {
						back[e] = math.Sqrt(1-b)*back[e] + math.Sqrt(b)*z[e]
					}
				}
			}
			last = at
		}
		require.Equal(t, len(drawn)-1, p.Draws())
		steps := table.Run(p, fakeNetwork, func(k int) []float64 { return drawn[k] })
		require.Len(t, steps, c.Steps)
		got := steps[len(steps)-1]
		want, err := g.file.Float64s(c.ID + ".f64.final")
		require.NoError(t, err)
		compared := 0
		for i, known := range g.draw(62) {
			if known > 0 {
				continue
			}
			require.InDelta(t, want[i], got[i], tolerance, "%s element %d", c.ID, i)
			compared++
		}
		require.Greater(t, compared, 200)
	}
	require.Equal(t, 2, count)
}
