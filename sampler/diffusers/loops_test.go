package diffusers_test

import (
	"encoding/json"
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/sampler/internal/table"
)

// loopCase is a run of testdata/make_loops.py.
type loopCase struct {
	goldenCase
	Times []float64 // what the network is told, by step
	Draws [][]int   // of the noise bank, by step
}

func readLoops(t *testing.T) (cases []loopCase, tensor func(name string) []float64) {
	t.Helper()
	b, err := os.ReadFile("testdata/loops.json")
	require.NoError(t, err)
	var index struct{ Cases []loopCase }
	require.NoError(t, json.Unmarshal(b, &index))
	f, err := safetensors.Open("testdata/loops.safetensors")
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return index.Cases, func(name string) []float64 {
		v, err := f.Float64s(name)
		require.NoError(t, err, name)
		return v
	}
}

// steps returns the reference's step behind each final stage of p. A step of DDPMWuerstchenScheduler that does not
// move the sample is not in the plan.
func (c loopCase) steps(t *testing.T, p *sampler.Plan) []int {
	t.Helper()
	var steps []int
	at := 0
	first := true
	for i := range p.Stages {
		st := &p.Stages[i]
		if first && st.Eval {
			for at < len(c.Times) && math.Abs(c.Times[at]-st.At.T) > 1e-9*math.Max(1, st.At.T) {
				require.Equal(t, "DDPMWuerstchenScheduler", c.Class, "%s step %d: time %v, want %v", c.ID, at, st.At.T,
					c.Times[at])
				at++
			}
			require.Less(t, at, len(c.Times), "%s: no step at time %v", c.ID, st.At.T)
			first = false
		}
		if st.Final {
			steps = append(steps, at)
			at++
			first = true
		}
	}
	return steps
}

// bank gives each draw of p the last one of the reference's step. The class that draws twice a step uses the second.
func (c loopCase) bank(p *sampler.Plan, steps []int, noise []float64, size int) table.Noise {
	entry := map[int]int{0: 0}
	for i := range p.Stages {
		st := &p.Stages[i]
		if id := st.Draws[0]; id > 0 {
			of := c.Draws[steps[st.Step]]
			entry[id] = of[len(of)-1]
		}
	}
	return func(id int) []float64 {
		k := entry[id] % (len(noise) / size)
		return noise[k*size : (k+1)*size]
	}
}

// TestLoopsMatchDiffusers compares the sample after every step with that of the real classes in float64.
func TestLoopsMatchDiffusers(t *testing.T) {
	cases, tensor := readLoops(t)
	noise := tensor("noise")
	const size = 2 * 16
	count, largest := map[string]int{}, map[string]float64{}
	for _, c := range cases {
		count[c.Class]++
		p, err := c.plan(t)
		require.NoError(t, err, "%s %s %v", c.ID, c.Class, c.Config)
		require.InDelta(t, c.Init, p.Init, 1e-9*c.Init, "%s: initial scale", c.ID)
		steps := c.steps(t, p)
		draw := c.bank(p, steps, noise, size)
		want := tensor(c.ID)
		for image := range 2 { // a threshold belongs to one image
			half := func(v []float64) []float64 { return v[image*size/2 : (image+1)*size/2] }
			got := table.Run(p, c.network, func(id int) []float64 { return half(draw(id)) })
			require.Len(t, got, len(steps))
			for k, at := range steps {
				ref := half(want[at*size : (at+1)*size])
				worst, scale := 0.0, 1e-12
				for i := range ref {
					worst = math.Max(worst, math.Abs(got[k][i]-ref[i]))
					scale = math.Max(scale, math.Abs(ref[i]))
				}
				largest[c.Class] = math.Max(largest[c.Class], worst/scale)
				require.Less(t, worst/scale, tolerance, "%s %s steps %d %v %v: relative error at step %d", c.ID, c.Class,
					c.Steps, c.Config, c.Kwargs, at)
			}
		}
	}
	t.Logf("largest relative errors: %v", largest)
	require.Equal(t, map[string]int{"DDIMParallelScheduler": 19, "DDPMParallelScheduler": 17, "UnCLIPScheduler": 12,
		"DDPMWuerstchenScheduler": 11, "CogVideoXDDIMScheduler": 23, "CogVideoXDPMScheduler": 23, "ScoreSdeVeScheduler": 5,
		"ScoreSdeVpScheduler": 4, "KarrasVeScheduler": 7, "LTXEulerAncestralRFScheduler": 14}, count)
}
