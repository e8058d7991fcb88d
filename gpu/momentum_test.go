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

// momentumGolden is testdata/guidance_momentum.json, which make_guidance.py wrote.
type momentumGolden struct {
	Scale float64
	C, U  [][]float32 // outputs of each step
	Cases []momentumCase
}

type momentumCase struct {
	Name                         string
	Momentum, Eta, Norm, Rescale float64
	Start, Stop                  *float64
	Off                          []int // steps in which the guider is disabled
	M                            [][]float32
}

func readMomentum(t *testing.T) (g momentumGolden) {
	t.Helper()
	text, err := os.ReadFile("testdata/guidance_momentum.json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &g))
	require.Len(t, g.Cases, 8)
	return g
}

// request has a step for each of the golden outputs, which makes the sample the guided output.
func (g *momentumGolden) request(t *testing.T, c momentumCase) sampler.Request {
	conds, err := sampler.Guide("c", "u", g.Scale)
	require.NoError(t, err)
	plan := &sampler.Plan{Sampler: c.Name}
	for i := range g.C {
		plan.Stages = append(plan.Stages, sampler.Stage{Eval: true, Final: true, Step: i,
			At: schedule.Point{T: float64(i), In: 1, Alpha: 1}, From: schedule.Scaling{Out: 1}, X: sampler.Row{D: 1}})
	}
	options := []sampler.Option{sampler.WithRescale(c.Rescale), sampler.WithProjection(&sampler.Projection{
		Kind: sampler.APG, Eta: c.Eta, Norm: c.Norm, Momentum: c.Momentum})}
	if c.Start != nil {
		options = append(options, sampler.WithInterval(*c.Start, *c.Stop))
	}
	for _, o := range options {
		o(plan)
	}
	for _, i := range c.Off {
		plan.Stages[i].Guidance = sampler.GuideFirst
	}
	require.NoError(t, plan.Validate())
	return sampler.Request{Plan: plan, Conds: conds}
}

// net gives the outputs of the step that the timestep tells.
func (g *momentumGolden) net(cond sampler.Cond, step float32, _, out []float32) {
	copy(out, map[sampler.Cond][][]float32{"c": g.C, "u": g.U}[cond][int(step)])
}

// TestMomentumIsThatOfDiffusers runs all cases as one batch through all steps.
func TestMomentumIsThatOfDiffusers(t *testing.T) {
	g := readMomentum(t)
	reqs := make([]sampler.Request, len(g.Cases))
	for i, c := range g.Cases {
		reqs[i] = g.request(t, c)
	}
	forEachDevice(t, func(t *testing.T, dev sampler.Device, dtype gputest.DType) {
		if dtype != gputest.Float32 {
			return
		}
		for i, trace := range gputest.Execute(t, dev, len(g.C[0]), reqs, g.net) {
			for step, want := range g.Cases[i].M {
				for k, w := range want {
					got := trace[step+1].X[k]
					assert.LessOrEqual(t, math.Abs(float64(got-w)), 1e-5*max(1, math.Abs(float64(w))),
						"%s: step %d, element %d: %v, want %v", g.Cases[i].Name, step, k, got, w)
				}
			}
		}
	})
}

// TestMomentumFaultsAreSeen: a number that is wrong, an average that is not zero at the start, is not kept or not used, and
// one that a stage outside of the interval changes differ from the reference.
func TestMomentumFaultsAreSeen(t *testing.T) {
	const elems = 2300
	good := func() sampler.Request {
		req := sampler.Request{Plan: faultPlan(), Conds: gputest.Conds(0, 2), Seed: 3}
		req.Plan.Projection = &sampler.Projection{Kind: sampler.APG, Eta: 0.25, Norm: 50, Momentum: -0.5}
		req.Plan.Stages[2].Guidance = sampler.GuideFirst
		return req
	}
	want := gputest.Reference(elems, good(), gputest.Lattice, Normals, gputest.Float32)
	for name, change := range map[string]func(*sampler.Request){
		"none":        func(*sampler.Request) {},
		"no momentum": func(r *sampler.Request) { r.Plan.Projection.Momentum = 0 },
		"momentum":    func(r *sampler.Request) { r.Plan.Projection.Momentum *= 1 + 1e-7 },
		"sign":        func(r *sampler.Request) { r.Plan.Projection.Momentum *= -1 },
		"interval":    func(r *sampler.Request) { r.Plan.Stages[2].Guidance = sampler.GuideAll },
	} {
		req := good()
		change(&req)
		dev := NewCPU(1)
		got := gputest.Execute(t, dev, elems, []sampler.Request{req}, gputest.Lattice)
		require.Equal(t, name == "none", gputest.Equal(want, got[0]), name)
		require.NoError(t, dev.Close())
	}
	for name, fault := range map[string]func(*cpuRow){
		"none":        func(*cpuRow) {},
		"not zeroed":  func(r *cpuRow) { fill(r.average, 1) },
		"one element": func(r *cpuRow) { r.average[elems-1] = 1 },
		"forgets":     func(r *cpuRow) { r.scalars.project.momentum = 1e-30 },
		"not used":    func(r *cpuRow) { r.average = nil },
	} {
		dev := &faultyRow{NewCPU(1), fault}
		got := gputest.Execute(t, dev, elems, []sampler.Request{good()}, gputest.Lattice)
		require.Equal(t, name == "none", gputest.Equal(want, got[0]), name)
		require.NoError(t, dev.Close())
	}
}

// TestMomentumRowsAreTheirOwn: a batch of rows with and without an average gives what each gives alone.
func TestMomentumRowsAreTheirOwn(t *testing.T) {
	const elems = 5000 // two chunks
	reqs := gputest.Requests(elems)[gputest.Guided:]
	dev := NewCPU(3)
	defer dev.Close()
	together := gputest.Execute(t, dev, elems, reqs, gputest.Lattice)
	for i := range reqs {
		alone := gputest.Execute(t, dev, elems, reqs[i:i+1], gputest.Lattice)
		gputest.RequireExact(t, alone[0], together[i], "request %d", i)
	}
}
