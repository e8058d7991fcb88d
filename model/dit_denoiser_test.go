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

// TestDiTDenoiser: samplers get the first half of what diffusers computes, or all of it without a
// variance; rows that are not active are left alone.
func TestDiTDenoiser(t *testing.T) {
	for _, test := range []struct {
		name string
		side int
	}{{"dit", 8}, {"dit_gelu", 18}} {
		d, err := model.OpenDiT("testdata/" + test.name)
		require.NoError(t, err)
		f, err := safetensors.Open("testdata/" + test.name + "/golden.safetensors")
		require.NoError(t, err)
		x, err := f.Float32s("in.x")
		require.NoError(t, err)
		y, err := f.Int64s("in.y")
		require.NoError(t, err)
		want, err := f.Float32s("out.sample")
		require.NoError(t, err)
		require.NoError(t, f.Close())
		times := map[string][]float32{"dit": {5, 777}, "dit_gelu": {0.5, 998}}[test.name]
		m, err := d.Denoiser(test.side, test.side, nil)
		require.NoError(t, err)
		n := sampler.Elems(m.Shape())
		for _, active := range [][]int{{0, 1}, {0}, {1}} {
			out := make(gpu.HostBuffer, 2*n)
			variance := make(gpu.HostBuffer, 2*n)
			e := &sampler.Eval{Elems: n, Active: active, In: gpu.HostBuffer(x), T: gpu.HostBuffer(times), Out: out,
				Conds: []sampler.Cond{model.Class(y[0]), model.Class(y[1])}}
			if m.PredictsVariance() {
				e.Variance = variance
			}
			require.NoError(t, m.Forward(t.Context(), e))
			for row := range 2 {
				got, per := out[row*n:(row+1)*n], len(want)/2
				if len(active) == 1 && active[0] != row {
					require.Equal(t, make(gpu.HostBuffer, n), got)
					continue
				}
				require.InDeltaSlice(t, want[row*per:row*per+n], []float32(got), 1e-5, "%s row %d", test.name, row)
				require.Equal(t, per == 2*n, m.PredictsVariance())
				if per == 2*n {
					require.InDeltaSlice(t, want[row*per+n:(row+1)*per], []float32(variance[row*n:(row+1)*n]), 1e-5, "%s variance %d", test.name, row)
				}
			}
		}
	}
}

func TestDiTDenoiserRefuses(t *testing.T) {
	d, err := model.OpenDiT("testdata/dit")
	require.NoError(t, err)
	_, err = d.Denoiser(8, 9, nil)
	var shape *model.ShapeError
	require.ErrorAs(t, err, &shape, "half a patch")
	m, err := d.Denoiser(0, 0, nil)
	require.NoError(t, err)
	n := sampler.Elems(m.Shape())
	for _, c := range []sampler.Cond{nil, "a cat", model.Class(-1), model.Class(11)} {
		e := &sampler.Eval{Elems: n, Active: []int{0}, Conds: []sampler.Cond{c},
			In: make(gpu.HostBuffer, n), T: make(gpu.HostBuffer, 1), Out: make(gpu.HostBuffer, n)}
		var in *model.InputError
		require.ErrorAs(t, m.Forward(t.Context(), e), &in, "%v", c)
	}
}

// TestDiTSampling: classes, step counts and guidance of their own give the same bits in one batch
// as alone, with the label of no class as the unconditional one.
func TestDiTSampling(t *testing.T) {
	d, err := model.OpenDiT("testdata/dit")
	require.NoError(t, err)
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
		conds, err := sampler.Guide(model.Class(3*i), d.NoClass(), 1+float64(i))
		require.NoError(t, err)
		reqs = append(reqs, sampler.Request{Plan: plan, Conds: conds, Seed: 7})
	}
	sameAlone(t, reqs, func() (sampler.Model, error) { return d.Denoiser(0, 0, nil) })
}
