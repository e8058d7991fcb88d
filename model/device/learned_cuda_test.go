//go:build cuda

package device

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/internal/emu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// ancestral is the plan of an ancestral sampler that learns its variance.
func ancestral(t *testing.T, v sampler.Variance, steps int) *sampler.Plan {
	t.Helper()
	betas, err := schedule.Linear(1000, 1e-4, 0.02)
	require.NoError(t, err)
	noise, err := schedule.New(betas)
	require.NoError(t, err)
	pts, err := schedule.Grid{Noise: noise, Steps: steps, Spacing: schedule.Trailing}.Points()
	require.NoError(t, err)
	p, err := sampler.New(sampler.DDPM{Variance: v}, pts, schedule.X0)
	require.NoError(t, err)
	require.True(t, p.LearnsVariance())
	for i := range p.Stages {
		if l := p.Stages[i].Learned; l != nil && v == sampler.LearnedRange {
			l.Gain /= 8 // random networks go far beyond -1..1, and so would the exponential
		}
	}
	return p
}

// learners are requests that learn the variance in each of the three ways, with guidance and without, beside one that
// does not learn it.
func learners(t *testing.T, condition func() sampler.Cond) []sampler.Request {
	t.Helper()
	var reqs []sampler.Request
	for i, r := range []struct {
		plan  *sampler.Plan
		scale float64
	}{
		{ancestral(t, sampler.LearnedRange, 3), 2}, {planOf(t, "euler", 2, schedule.X0), 1.5},
		{ancestral(t, sampler.LearnedLog, 2), 1}, {ancestral(t, sampler.LearnedVariance, 4), -1},
	} {
		conds, err := sampler.Guide(condition(), condition(), r.scale)
		require.NoError(t, err)
		reqs = append(reqs, sampler.Request{Plan: r.plan, Conds: conds, Seed: uint64(i)})
	}
	return reqs
}

// roots is the one of [learners] whose network predicts the variance itself.
const roots = 3

// unbound hides that a network can be bound to a program, so that it is not captured.
type unbound struct{ sampler.VarianceModel }

// TestLearnedVariance runs networks of each kind that predicts a variance, on the CPU and on the GPU, in the graph of a
// step and beside it. Between a step and the next nothing is read back.
func TestLearnedVariance(t *testing.T) {
	both := []gpu.DType{gpu.Float32, gpu.Float16}
	for _, c := range []struct {
		name    string
		changed map[string]any
		types   []gpu.DType
	}{
		{"unet2d_adm", nil, both},
		{"dit", nil, both[:1]}, {"dit", map[string]any{"attention_head_dim": 16}, both},
		{"pixart_alpha", nil, both[:1]}, {"pixart_sigma", map[string]any{"attention_head_dim": 24, "cross_attention_dim": 48}, both},
	} {
		net := transformer(t, c.name, c.changed)
		r := rand.New(rand.NewPCG(5, 6))
		cpu, cond := learnedModel(t, net, r)
		require.True(t, sampler.PredictsVariance(cpu))
		reqs := learners(t, cond)
		want, err := sampler.Run(context.Background(), gpu.NewCPU(1), cpu, reqs)
		require.NoError(t, err)
		for _, d := range c.types {
			t.Run(fmt.Sprintf("%s/%v", c.name, d), func(t *testing.T) {
				dev := open(t, d, cuda.Options{})
				n := load(t, dev, net, Options{})
				for _, m := range []sampler.Model{n, unbound{n}} {
					got, err := sampler.Run(context.Background(), dev, m, reqs)
					require.NoError(t, err)
					most := map[gpu.DType]float64{gpu.Float32: 1e-4, gpu.Float16: 2e-2}[d]
					for i := range want {
						off, limit := maxDiff(want[i], got[i])/scale(want[i]), most
						if i == roots && d == gpu.Float16 {
							limit = 5e-2 // the root of a variance near 0 makes roundings large
						}
						t.Logf("request %d: %.2g of %.3g", i, off, scale(want[i]))
						assert.LessOrEqual(t, off, limit, "request %d", i)
					}
				}
				stepsAlone(t, dev, n, reqs, 4)
			})
		}
	}
}

// learnedModel is a network on the CPU and a random condition for it.
func learnedModel(t *testing.T, net model.Network, r *rand.Rand) (sampler.Model, func() sampler.Cond) {
	t.Helper()
	if _, ok := net.(*model.UNet2D); ok {
		m, err := denoiser(net)
		require.NoError(t, err)
		return m, func() sampler.Cond { return condition(net, r) }
	}
	return transformerModel(t, net, net.Height(), net.Width(), r)
}

// stepsAlone counts the calls of the steps of a bound program: each is one replay, and nothing is copied.
func stepsAlone(t *testing.T, dev *gpu.CUDA, n *Network, reqs []sampler.Request, steps int) {
	t.Helper()
	prog, err := dev.Program(sampler.Elems(n.Shape()), reqs)
	require.NoError(t, err)
	defer prog.Close()
	require.NoError(t, n.Bind(context.Background(), prog))
	before, err := emu.Counters()
	if err != nil {
		return // a GPU that is not emulated
	}
	for e := prog.Next(); e != nil; e = prog.Next() {
		require.Empty(t, e.Active)
		require.NoError(t, prog.Step())
	}
	after, err := emu.Counters()
	require.NoError(t, err)
	assert.EqualValues(t, steps, after.GraphLaunches-before.GraphLaunches)
	assert.EqualValues(t, steps, after.Calls-before.Calls, "a step is one replay")
	assert.Zero(t, after.DeviceToHost-before.DeviceToHost+after.HostToDevice-before.HostToDevice)
}

// TestVarianceIsWrittenWhereItIsWanted: one step more of the network, only beside a plan that learns the variance; a
// network without one is refused for such a plan.
func TestVarianceIsWrittenWhereItIsWanted(t *testing.T) {
	net := transformer(t, "dit", nil).(*model.DiT)
	dev := open(t, gpu.Float32, cuda.Options{})
	n := load(t, dev, net, Options{})
	require.True(t, n.PredictsVariance())
	steps := func(variance bool) int {
		p, err := n.lower(4, model.DefaultTokens, nil, variance)
		require.NoError(t, err)
		return len(p.Steps)
	}
	require.Equal(t, steps(false)+1, steps(true))
	other := learners(t, func() sampler.Cond { return model.Class(1) })[1:2]
	for _, e := range []struct {
		reqs []sampler.Request
		want bool
	}{{other, false}, {learners(t, func() sampler.Cond { return model.Class(1) }), true}} {
		prog, err := dev.Program(sampler.Elems(n.Shape()), e.reqs)
		require.NoError(t, err)
		require.NoError(t, dev.Driver().Do(func() error {
			r, err := n.prepare(context.Background(), prog.Next())
			require.NoError(t, err)
			require.Equal(t, e.want, r.prog.Variance)
			return r.close()
		}))
		require.NoError(t, prog.Close())
	}

	without := load(t, dev, fashion(t), Options{})
	require.False(t, without.PredictsVariance())
	reqs := learners(t, func() sampler.Cond { return model.Class(1) })
	_, err := sampler.Run(context.Background(), dev, without, reqs)
	var e *sampler.RequestError
	require.ErrorAs(t, err, &e)
	require.ErrorContains(t, err, "predicts none")
}
