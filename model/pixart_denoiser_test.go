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

// openPixArt opens the network of testdata/pixart_alpha and what diffusers computed, with its two
// texts, of which the second has 4 tokens and 3 of padding that are masked.
func openPixArt(t *testing.T) (m *model.PixArt, x, times, want []float32, texts []*model.TextEmbedding) {
	m, err := model.OpenPixArt("testdata/pixart_alpha")
	require.NoError(t, err)
	f, err := safetensors.Open("testdata/pixart_alpha/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	read := func(name string) []float32 {
		v, err := f.Float32s(name)
		require.NoError(t, err)
		return v
	}
	ctx, res, ratio := read("in.ctx"), read("in.res"), read("in.ar")
	for i, tokens := range []int{7, 4} {
		texts = append(texts, &model.TextEmbedding{Data: ctx[i*7*20:][:tokens*20], Tokens: tokens,
			TimeIDs: []float32{res[2*i], res[2*i+1], ratio[i]}})
	}
	return m, read("in.x"), []float32{5, 777}, read("out.sample"), texts
}

// TestPixArtDenoiser: samplers get the first half of what diffusers computes, though the rows' texts
// have different lengths; rows that are not active are left alone.
func TestPixArtDenoiser(t *testing.T) {
	net, x, times, want, texts := openPixArt(t)
	m, err := net.Denoiser(0, 0, nil)
	require.NoError(t, err)
	n := sampler.Elems(m.Shape())
	x, times = append(x, x[:n]...), append(times, times[0])
	for _, active := range [][]int{{0, 1, 2}, {0}, {1}, {0, 2}, {2, 1}} {
		out := make(gpu.HostBuffer, 3*n)
		require.NoError(t, m.Forward(t.Context(), &sampler.Eval{Elems: n, Active: active, In: gpu.HostBuffer(x),
			T: gpu.HostBuffer(times), Out: out, Conds: []sampler.Cond{texts[0], texts[1], texts[0]}}))
		for row := range 3 {
			expect := make([]float32, n)
			if slices.Contains(active, row) {
				expect = want[row%2*2*n:][:n]
			}
			require.InDeltaSlice(t, expect, []float32(out[row*n:(row+1)*n]), 5e-6, "active %v row %d", active, row)
		}
	}
}

func TestPixArtDenoiserRefuses(t *testing.T) {
	net, _, _, _, texts := openPixArt(t)
	_, err := net.Denoiser(8, 9, nil)
	var shape *model.ShapeError
	require.ErrorAs(t, err, &shape, "half a patch")
	three, err := model.RandomNetwork("f", []byte(`{"_class_name": "PixArtTransformer2DModel", "out_channels": 12,
		"sample_size": 8, "num_layers": 1, "num_attention_heads": 2, "attention_head_dim": 4}`), 1)
	require.NoError(t, err)
	_, err = three.(*model.PixArt).Denoiser(0, 0, nil)
	require.ErrorAs(t, err, &shape, "three times the channels")
	m, err := net.Denoiser(0, 0, nil)
	require.NoError(t, err)
	n := sampler.Elems(m.Shape())
	with := func(change func(c *model.TextEmbedding)) sampler.Cond {
		c := *texts[0]
		change(&c)
		return &c
	}
	for i, c := range []sampler.Cond{nil, model.Class(1), (*model.TextEmbedding)(nil),
		with(func(c *model.TextEmbedding) { c.Tokens, c.Data = 0, nil }),
		with(func(c *model.TextEmbedding) { c.Tokens = 8 }),
		with(func(c *model.TextEmbedding) { c.TimeIDs = nil }),
		with(func(c *model.TextEmbedding) { c.TimeIDs = make([]float32, 6) }),
		with(func(c *model.TextEmbedding) { c.Class = 1 }),
		with(func(c *model.TextEmbedding) { c.Pooled = make([]float32, 16) }),
		with(func(c *model.TextEmbedding) { c.Perturbed = true }),
		with(func(c *model.TextEmbedding) { c.Beside = make([]float32, 64) })} {
		e := &sampler.Eval{Elems: n, Active: []int{0}, Conds: []sampler.Cond{c},
			In: make(gpu.HostBuffer, n), T: make(gpu.HostBuffer, 1), Out: make(gpu.HostBuffer, n)}
		var in *model.InputError
		require.ErrorAs(t, m.Forward(t.Context(), e), &in, "%d", i)
	}
}

// TestPixArtSampling: steps with guidance and texts of several lengths, with the learned variance
// and without one: the same bits in one batch as alone.
func TestPixArtSampling(t *testing.T) {
	odd, err := model.OpenPixArt("testdata/pixart_odd")
	require.NoError(t, err)
	net, _, _, _, texts := openPixArt(t)
	samplePixArt(t, net, texts, &model.TextEmbedding{Data: texts[1].Data[:20], Tokens: 1, TimeIDs: texts[0].TimeIDs})
	for _, c := range texts {
		c.Tokens, c.Data = c.Tokens/2, c.Data[:c.Tokens/2*odd.ContextDim()]
	}
	samplePixArt(t, odd, texts, &model.TextEmbedding{Data: texts[1].Data[:10], Tokens: 1, TimeIDs: texts[0].TimeIDs})
}

// samplePixArt samples three requests in one batch and alone.
func samplePixArt(t *testing.T, net *model.PixArt, texts []*model.TextEmbedding, empty *model.TextEmbedding) {
	betas, err := schedule.Linear(1000, 0.0001, 0.02)
	require.NoError(t, err)
	noise, err := schedule.New(betas)
	require.NoError(t, err)
	var reqs []sampler.Request
	for i := range 3 {
		points, err := schedule.Grid{Noise: noise, Steps: 2 + i, Spacing: schedule.Leading}.Points()
		require.NoError(t, err)
		plan, err := sampler.New(sampler.DDIM{}, points, schedule.Epsilon)
		require.NoError(t, err)
		conds, err := sampler.Guide(texts[i%2], empty, 2+float64(i))
		require.NoError(t, err)
		reqs = append(reqs, sampler.Request{Plan: plan, Conds: conds, Seed: 7})
	}
	sameAlone(t, reqs, func() (sampler.Model, error) { return net.Denoiser(0, 0, nil) })
}
