package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// TestDenoiserRows: a row's output does not depend on which other rows are active, and rows that are not
// active are left alone.
func TestDenoiserRows(t *testing.T) {
	u, err := model.OpenUNet2D("testdata/unet2d_class")
	require.NoError(t, err)
	d, err := u.Denoiser(0, 0, nil)
	require.NoError(t, err)
	const rows = 5
	n := sampler.Elems(d.Shape())
	eval := func(active ...int) []float32 {
		in, step, out := make(gpu.HostBuffer, rows*n), make(gpu.HostBuffer, rows), make(gpu.HostBuffer, rows*n)
		gpu.Normals(in, 7, 0, 0)
		e := &sampler.Eval{Elems: n, Active: active, In: in, T: step, Out: out}
		for r := range rows {
			step[r] = float32(100 * r)
			e.Conds = append(e.Conds, model.Class(r))
		}
		require.NoError(t, d.Forward(t.Context(), e))
		return out
	}
	all := eval(0, 1, 2, 3, 4)
	for _, active := range [][]int{{0}, {4}, {1, 2}, {0, 2, 4}, {1, 4}} {
		got := eval(active...)
		for r, k := 0, 0; r < rows; r++ {
			want := make([]float32, n)
			if k < len(active) && active[k] == r {
				want, k = all[r*n:(r+1)*n], k+1
			}
			require.Equal(t, want, got[r*n:(r+1)*n], "active %v, row %d", active, r)
		}
	}
}

// TestDenoiserVariance: samplers get the first half of the channels that diffusers computes, and the second where they
// ask for a variance.
func TestDenoiserVariance(t *testing.T) {
	u, err := model.OpenUNet2D("testdata/unet2d_adm")
	require.NoError(t, err)
	f, err := safetensors.Open("testdata/unet2d_adm/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	x, err := f.Float32s("in.x")
	require.NoError(t, err)
	times, err := f.Float32s("in.t")
	if err != nil {
		ints, err := f.Int64s("in.t")
		require.NoError(t, err)
		for _, v := range ints {
			times = append(times, float32(v))
		}
	}
	want, err := f.Float32s("out.sample")
	require.NoError(t, err)
	d, err := u.Denoiser(0, 0, nil)
	require.NoError(t, err)
	require.True(t, d.PredictsVariance())
	n := sampler.Elems(d.Shape())
	rows := len(x) / n
	out, variance := make(gpu.HostBuffer, rows*n), make(gpu.HostBuffer, rows*n)
	e := &sampler.Eval{Elems: n, In: gpu.HostBuffer(x), T: gpu.HostBuffer(times), Out: out, Variance: variance}
	labels, err := f.Int64s("in.y")
	for r := range rows {
		e.Active = append(e.Active, r)
		var c sampler.Cond
		if u.Classes() > 0 {
			require.NoError(t, err)
			c = model.Class(labels[r])
		}
		e.Conds = append(e.Conds, c)
	}
	require.NoError(t, d.Forward(t.Context(), e))
	for r := range rows {
		require.InDeltaSlice(t, want[2*r*n:(2*r+1)*n], []float32(out[r*n:(r+1)*n]), 1e-5)
		require.InDeltaSlice(t, want[(2*r+1)*n:(2*r+2)*n], []float32(variance[r*n:(r+1)*n]), 1e-5)
	}
	e.Variance = nil
	require.NoError(t, d.Forward(t.Context(), e))
}

func TestDenoiserRefuses(t *testing.T) {
	u, err := model.OpenUNet2D("testdata/unet2d_class")
	require.NoError(t, err)
	d, err := u.Denoiser(0, 0, nil)
	require.NoError(t, err)
	n := sampler.Elems(d.Shape())
	for _, c := range []sampler.Cond{nil, "a cat", model.Class(-1), model.Class(11)} {
		e := &sampler.Eval{Elems: n, Active: []int{0}, Conds: []sampler.Cond{c},
			In: make(gpu.HostBuffer, n), T: make(gpu.HostBuffer, 1), Out: make(gpu.HostBuffer, n)}
		var in *model.InputError
		require.ErrorAs(t, d.Forward(t.Context(), e), &in, "%v", c)
	}
}
