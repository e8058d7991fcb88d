package model_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// openSD3 opens the network of testdata/sd3 and what diffusers computed, with its two texts.
func openSD3(t *testing.T) (m *model.SD3, x, times, want []float32, texts []*model.TextEmbedding) {
	m, err := model.OpenSD3("testdata/sd3")
	require.NoError(t, err)
	f, err := safetensors.Open("testdata/sd3/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	read := func(name string) []float32 {
		v, err := f.Float32s(name)
		require.NoError(t, err)
		return v
	}
	ctx, pooled := read("in.ctx"), read("in.pooled")
	for i := range 2 {
		texts = append(texts, &model.TextEmbedding{Data: ctx[i*7*20 : (i+1)*7*20], Tokens: 7,
			Pooled: pooled[i*16 : (i+1)*16]})
	}
	return m, read("in.x"), read("in.t"), read("out.sample"), texts
}

// TestSD3Denoiser: samplers get what diffusers computes; rows that are not active are left alone,
// and a text of another length in the batch changes nothing.
func TestSD3Denoiser(t *testing.T) {
	net, x, times, want, texts := openSD3(t)
	m, err := net.Denoiser(0, 0, nil)
	require.NoError(t, err)
	n := sampler.Elems(m.Shape())
	short := &model.TextEmbedding{Data: texts[0].Data[:40], Tokens: 2, Pooled: texts[0].Pooled}
	x, times = append(x, x[:n]...), append(times, 5)
	for _, active := range [][]int{{0, 1, 2}, {0}, {1}, {0, 2}, {2, 1}} {
		out := make(gpu.HostBuffer, 3*n)
		require.NoError(t, m.Forward(t.Context(), &sampler.Eval{Elems: n, Active: active, In: gpu.HostBuffer(x),
			T: gpu.HostBuffer(times), Out: out, Conds: []sampler.Cond{texts[0], texts[1], short}}))
		for row := range 3 {
			got := []float32(out[row*n : (row+1)*n])
			switch {
			case !slices.Contains(active, row):
				require.Equal(t, make([]float32, n), got)
			case row < 2:
				require.InDeltaSlice(t, want[row*n:(row+1)*n], got, 1e-5, "active %v row %d", active, row)
			default:
				require.NotEqual(t, make([]float32, n), got)
			}
		}
	}
}

func TestSD3DenoiserRefuses(t *testing.T) {
	net, _, _, _, texts := openSD3(t)
	_, err := net.Denoiser(8, 9, nil)
	var shape *model.ShapeError
	require.ErrorAs(t, err, &shape, "half a patch")
	odd, err := model.OpenSD3("testdata/sd3_odd")
	require.NoError(t, err)
	_, err = odd.Denoiser(0, 0, nil)
	require.ErrorAs(t, err, &shape, "more channels of output")
	m, err := net.Denoiser(0, 0, nil)
	require.NoError(t, err)
	n := sampler.Elems(m.Shape())
	with := func(change func(c *model.TextEmbedding)) sampler.Cond {
		c := *texts[0]
		change(&c)
		return &c
	}
	for i, c := range []sampler.Cond{nil, model.Class(1), (*model.TextEmbedding)(nil),
		with(func(c *model.TextEmbedding) { c.Tokens = 0 }),
		with(func(c *model.TextEmbedding) { c.Tokens = 8 }),
		with(func(c *model.TextEmbedding) { c.Pooled = nil }),
		with(func(c *model.TextEmbedding) { c.Class = 1 }),
		with(func(c *model.TextEmbedding) { c.Perturbed = true }),
		with(func(c *model.TextEmbedding) { c.TimeIDs = make([]float32, 6) }),
		with(func(c *model.TextEmbedding) { c.Beside = make([]float32, 64) })} {
		e := &sampler.Eval{Elems: n, Active: []int{0}, Conds: []sampler.Cond{c},
			In: make(gpu.HostBuffer, n), T: make(gpu.HostBuffer, 1), Out: make(gpu.HostBuffer, n)}
		var in *model.InputError
		require.ErrorAs(t, m.Forward(t.Context(), e), &in, "%d", i)
	}
}

// TestSD3Sampling: steps along a rectified flow with guidance, texts of two lengths: the same bits
// in one batch as alone.
func TestSD3Sampling(t *testing.T) {
	net, _, _, _, texts := openSD3(t)
	empty := &model.TextEmbedding{Data: texts[1].Data[:20], Tokens: 1, Pooled: make([]float32, 16)}
	var reqs []sampler.Request
	for i := range 3 {
		times, err := schedule.FlowTimes(2 + i)
		require.NoError(t, err)
		schedule.FlowShift(times, 3)
		var points []schedule.Point
		for _, s := range append(times, 0) {
			points = append(points, schedule.Flow(1000*s, s))
		}
		plan, err := sampler.New(sampler.FlowEuler{}, points, schedule.Velocity)
		require.NoError(t, err)
		conds, err := sampler.Guide(texts[i%2], empty, 2+float64(i))
		require.NoError(t, err)
		reqs = append(reqs, sampler.Request{Plan: plan, Conds: conds, Seed: 7})
	}
	sameAlone(t, reqs, func() (sampler.Model, error) { return net.Denoiser(0, 0, nil) })
}
