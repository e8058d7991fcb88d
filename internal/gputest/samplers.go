package gputest

import (
	"testing"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
	"github.com/stretchr/testify/require"
)

// options are those of the registry's samplers that have some.
var options = []struct {
	name   string
	params sampler.Params
}{
	{"ddim", sampler.Params{KeepEpsilon: true}},
	{"ddim", sampler.Params{Eta: ptr(0.7)}},
	{"euler", sampler.Params{Churn: 1, ChurnMax: 50, ChurnNoise: 1.01}},
	{"euler_ancestral", sampler.Params{Eta: ptr(0.5)}},
	{"lcm", sampler.Params{Original: 100}},
}

// variants are solvers that the registry has no name for.
var variants = []sampler.Sampler{
	sampler.DPMSolverPP{Multistep: sampler.Multistep{Order: 2, Heun: true, KeepOrder: true}},
	sampler.DPMSolverPP{Multistep: sampler.Multistep{Order: 3, KeepOrder: true, HalfCurvature: true}},
	sampler.DPMSolverPP{Multistep: sampler.Multistep{Order: 1, SDE: true, EulerAtFinal: true}},
	sampler.DPMSolverPP{Multistep: sampler.Multistep{Order: 2, SDE: true, Heun: true}},
	sampler.DPMSolver{Multistep: sampler.Multistep{Order: 2, Heun: true}},
	sampler.DPMSolver{Multistep: sampler.Multistep{Order: 3, KeepOrder: true}},
	sampler.LCM{Scaling: 5, SigmaData: 1},
}

func ptr(v float64) *float64 { return &v }

// SamplerRequests returns the real plans of all samplers as one mixed batch: every name of the
// registry, their options and further variants and orders, on a real schedule, with 2 to 6 steps,
// networks of each prediction kind, with and without a clip, and different guidance scales and seeds.
// Each stage is one launch.
func SamplerRequests(t testing.TB, elems int) []sampler.Request {
	t.Helper()
	plans := samplerPlans(t)
	reqs := make([]sampler.Request, len(plans))
	for i, p := range plans {
		conds, err := sampler.Guide(2*i, 2*i+1, []float64{7.5, 1, 3, 0, -0.5, 1.75}[i%6])
		require.NoError(t, err)
		reqs[i] = sampler.Request{Plan: p, Conds: conds, Seed: 1000 + uint64(i)}
		if i%7 == 3 {
			reqs[i].Init = Pattern(elems, 17+i, 127)
		}
	}
	return reqs
}

// EpsilonRequests returns the plan of every name of the registry, in the order of sampler.Names, for a
// network that predicts epsilon, as most do, with k conditions. Unlike those of [SamplerRequests], which take turns at the kinds, they keep
// to what special variants of kernels are made for.
func EpsilonRequests(t testing.TB, k int) []sampler.Request {
	t.Helper()
	betas, err := schedule.Linear(1000, 1e-4, 0.02)
	require.NoError(t, err)
	noise, err := schedule.New(betas)
	require.NoError(t, err)
	var reqs []sampler.Request
	for i, name := range sampler.Names() {
		e, err := sampler.Lookup(name)
		require.NoError(t, err)
		p, err := e.Plan(schedule.Grid{Noise: noise, Steps: 4 + i%3}, schedule.Epsilon, sampler.Params{})
		require.NoError(t, err, name)
		reqs = append(reqs, sampler.Request{Plan: p, Conds: Conds(3*i, k), Seed: uint64(i)})
	}
	return reqs
}

func samplerPlans(t testing.TB) []*sampler.Plan {
	t.Helper()
	betas, err := schedule.Linear(1000, 1e-4, 0.02)
	require.NoError(t, err)
	noise, err := schedule.New(betas)
	require.NoError(t, err)
	var plans []*sampler.Plan
	type compile func(schedule.Grid, schedule.Kind, ...sampler.Option) (*sampler.Plan, error)
	add := func(name string, make compile) {
		i := len(plans)
		g := schedule.Grid{Noise: noise, Steps: 2 + i%5, Spacing: schedule.Trailing}
		p, err := make(g, []schedule.Kind{schedule.Epsilon, schedule.V, schedule.X0}[i%3],
			sampler.WithClip(float64(i%2)))
		require.NoError(t, err, "%s, plan %d", name, i)
		plans = append(plans, p)
	}
	entry := func(name string, params sampler.Params) {
		e, err := sampler.Lookup(name)
		require.NoError(t, err)
		add(name, func(g schedule.Grid, k schedule.Kind, o ...sampler.Option) (*sampler.Plan, error) {
			return e.Plan(g, k, params, o...)
		})
	}
	for _, name := range sampler.Names() {
		entry(name, sampler.Params{})
	}
	for _, o := range options {
		entry(o.name, o.params)
	}
	for _, s := range variants {
		add(s.Name(), func(g schedule.Grid, k schedule.Kind, o ...sampler.Option) (*sampler.Plan, error) {
			if _, ok := s.(sampler.DPMSolver); ok {
				g.Final = schedule.FinalSigmaMin // epsilon has no limit at sigma 0
			}
			pts, err := g.Points()
			if err != nil {
				return nil, err
			}
			return sampler.New(s, pts, k, o...)
		})
	}
	var flow []schedule.Point
	for _, s := range []float64{1, 0.8, 0.45, 0} {
		flow = append(flow, schedule.Flow(1000*s, s))
	}
	add("flow", func(_ schedule.Grid, _ schedule.Kind, o ...sampler.Option) (*sampler.Plan, error) {
		return sampler.New(sampler.DDIM{}, flow, schedule.Velocity, o...)
	})
	return plans
}
