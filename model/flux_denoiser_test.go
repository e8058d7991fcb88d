package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// fluxCase is a transformer of testdata with its two rows.
type fluxCase struct {
	net        *model.Flux
	h, w       int
	x, t, want []float32
	conds      []sampler.Cond
	denoiser   *model.FluxDenoiser
}

func openFluxCase(t testing.TB, name string) fluxCase {
	net, err := model.OpenFlux("testdata/" + name)
	require.NoError(t, err)
	f, err := safetensors.Open("testdata/" + name + "/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	read := func(name string) []float32 {
		v, err := f.Float32s(name)
		require.NoError(t, err)
		return v
	}
	x, ok := f.Tensor("in.x")
	require.True(t, ok)
	ctx, ok := f.Tensor("in.ctx")
	require.True(t, ok)
	c := fluxCase{net: net, h: x.Shape[2], w: x.Shape[3], x: read("in.x"), t: read("in.t"), want: read("out.sample")}
	half := func(name string, row int) []float32 {
		v := read(name)
		return v[row*len(v)/2 : (row+1)*len(v)/2]
	}
	for row := range 2 {
		e := &model.TextEmbedding{Data: half("in.ctx", row), Tokens: ctx.Shape[1], Pooled: half("in.pooled", row)}
		if net.Config().Guidance {
			e.TimeCond = half("in.g", row)
		}
		if net.Channels() > net.OutChannels() {
			e.Beside = half("in.beside", row)
		}
		c.conds = append(c.conds, e)
	}
	c.denoiser, err = net.Denoiser(c.h, c.w, nil)
	require.NoError(t, err)
	return c
}

// TestFluxDenoiser: samplers see latents, as FluxPipeline unpacks them; rows that are not active
// are left alone.
func TestFluxDenoiser(t *testing.T) {
	for _, name := range []string{"flux_dev", "flux_schnell", "flux_beside"} {
		c := openFluxCase(t, name)
		require.Equal(t, []int{c.net.OutChannels(), c.h, c.w}, c.denoiser.Shape())
		n := sampler.Elems(c.denoiser.Shape())
		for _, active := range [][]int{{0, 1}, {0}, {1}, {1, 0}} {
			out := make(gpu.HostBuffer, 2*n)
			e := &sampler.Eval{Elems: n, Active: active, In: gpu.HostBuffer(c.x), T: gpu.HostBuffer(c.t), Out: out,
				Conds: c.conds}
			require.NoError(t, c.denoiser.Forward(t.Context(), e))
			for row := range 2 {
				got, want := out[row*n:(row+1)*n], c.want[row*n:(row+1)*n]
				if len(active) == 1 && active[0] != row {
					require.Equal(t, make(gpu.HostBuffer, n), got)
					continue
				}
				require.InDeltaSlice(t, want, []float32(got), 2e-5, "%s row %d", name, row)
			}
		}
	}
}

func TestFluxDenoiserRefuses(t *testing.T) {
	c := openFluxCase(t, "flux_beside")
	for _, size := range [][2]int{{0, 0}, {8, 7}, {3, 8}, {1 << 20, 2}} {
		_, err := c.net.Denoiser(size[0], size[1], nil)
		var shape *model.ShapeError
		require.ErrorAs(t, err, &shape, "%v", size)
	}
	n := sampler.Elems(c.denoiser.Shape())
	with := func(change func(e *model.TextEmbedding)) *model.TextEmbedding {
		e := *c.conds[0].(*model.TextEmbedding)
		change(&e)
		return &e
	}
	none := make([]float32, 0)
	for name, cond := range map[string]sampler.Cond{
		"nil": nil, "nil embedding": (*model.TextEmbedding)(nil), "text": "a cat", "class": model.Class(1),
		"no tokens":   with(func(e *model.TextEmbedding) { e.Tokens = 0 }),
		"many tokens": with(func(e *model.TextEmbedding) { e.Tokens = 1 << 40 }),
		"data":        with(func(e *model.TextEmbedding) { e.Data = e.Data[1:] }),
		"no pooled":   with(func(e *model.TextEmbedding) { e.Pooled = nil }),
		"no guidance": with(func(e *model.TextEmbedding) { e.TimeCond = nil }),
		"empty":       with(func(e *model.TextEmbedding) { e.TimeCond = none }),
		"time ids":    with(func(e *model.TextEmbedding) { e.TimeIDs = e.Pooled }),
		"no beside":   with(func(e *model.TextEmbedding) { e.Beside = nil }),
		"control":     with(func(e *model.TextEmbedding) { e.Control = e.Beside }),
		"scale":       with(func(e *model.TextEmbedding) { e.ControlScale = e.Pooled }),
		"class too":   with(func(e *model.TextEmbedding) { e.Class = 1 }),
		"perturbed":   with(func(e *model.TextEmbedding) { e.Perturbed = true }),
	} {
		e := &sampler.Eval{Elems: n, Active: []int{0}, Conds: []sampler.Cond{cond},
			In: make(gpu.HostBuffer, n), T: make(gpu.HostBuffer, 1), Out: make(gpu.HostBuffer, n)}
		var in *model.InputError
		require.ErrorAs(t, c.denoiser.Forward(t.Context(), e), &in, name)
	}
}

// TestFluxSampling: texts of two lengths, step counts and guidance of their own give the same bits
// in one batch as alone, along the flow times of FluxPipeline.
func TestFluxSampling(t *testing.T) {
	c := openFluxCase(t, "flux_dev")
	var reqs []sampler.Request
	for i := range 3 {
		times, err := schedule.FlowTimes(2 + i)
		require.NoError(t, err)
		var points []schedule.Point
		for _, s := range append(times, 0) {
			points = append(points, schedule.Flow(1000*s, s))
		}
		plan, err := sampler.New(sampler.FlowEuler{}, points, schedule.Velocity)
		require.NoError(t, err)
		cond := *c.conds[i%2].(*model.TextEmbedding)
		cond.TimeCond = []float32{1 + float32(i)}
		if i == 2 {
			cond.Tokens--
			cond.Data = cond.Data[:cond.Tokens*c.net.ContextDim()]
		}
		conds, err := sampler.Guide(&cond, nil, 1)
		require.NoError(t, err)
		reqs = append(reqs, sampler.Request{Plan: plan, Conds: conds, Seed: 7})
	}
	sameAlone(t, reqs, func() (sampler.Model, error) { return c.net.Denoiser(c.h, c.w, nil) })
}
