package model_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// TestPerturbedRows: rows that are perturbed have the bits of the perturbed network alone, the others those of the
// network, whichever are active.
func TestPerturbedRows(t *testing.T) {
	u, err := model.OpenUNetCondition("testdata/unet_sd15")
	require.NoError(t, err)
	v, err := u.Perturb(model.Perturbation{Identity: []string{"mid", "up"}})
	require.NoError(t, err)
	const rows = 6
	var n int
	conds := make([]sampler.Cond, rows)
	eval := func(d *model.ConditionDenoiser, active ...int) []float32 {
		n = sampler.Elems(d.Shape())
		in, step, out := make(gpu.HostBuffer, rows*n), make(gpu.HostBuffer, rows), make(gpu.HostBuffer, rows*n)
		gpu.Normals(in, 7, 0, 0)
		for r := range rows {
			step[r] = float32(100 * r)
		}
		require.NoError(t, d.Forward(t.Context(), &sampler.Eval{Elems: n, Active: active, Conds: conds,
			In: in, T: step, Out: out}))
		return out
	}
	for r, tokens := range []int{7, 77, 7, 1, 77, 7} {
		conds[r] = text(u, uint64(r), tokens)
	}
	d, err := u.Denoiser(4, 6, nil)
	require.NoError(t, err)
	plain := eval(d, 0, 1, 2, 3, 4, 5)
	dv, err := v.Denoiser(4, 6, nil)
	require.NoError(t, err)
	perturbed := eval(dv, 0, 1, 2, 3, 4, 5)
	require.NotEqual(t, plain, perturbed)

	is := [rows]bool{1: true, 2: true, 5: true}
	for r := range rows {
		conds[r].(*model.TextEmbedding).Perturbed = is[r]
	}
	require.NoError(t, d.SetPerturbed(v))
	for _, active := range [][]int{{0, 1, 2, 3, 4, 5}, {0, 3}, {1, 2}, {5}, {0, 2, 5}} {
		got := eval(d, active...)
		for r, k := 0, 0; r < rows; r++ {
			want := make([]float32, n)
			if k < len(active) && active[k] == r {
				want, k = plain[r*n:(r+1)*n], k+1
				if is[r] {
					want = perturbed[r*n : (r+1)*n]
				}
			}
			require.Equal(t, want, got[r*n:(r+1)*n], "active %v, row %d", active, r)
		}
	}
}

// TestPerturbedRefuses: rows for which there is no network, and networks of other weights.
func TestPerturbedRefuses(t *testing.T) {
	u, err := model.OpenUNetCondition("testdata/unet_sd15")
	require.NoError(t, err)
	other, err := model.OpenUNetCondition("testdata/unet_sd15")
	require.NoError(t, err)
	d, err := u.Denoiser(4, 6, nil)
	require.NoError(t, err)
	v, err := other.Perturb(model.Perturbation{Skip: []string{"mid"}})
	require.NoError(t, err)
	var e *model.InputError
	for _, wrong := range []*model.UNetCondition{u, other, v} {
		require.ErrorAs(t, d.SetPerturbed(wrong), &e)
		require.Equal(t, "network", e.Input)
	}
	c := text(u, 1, 7)
	c.Perturbed = true
	n := sampler.Elems(d.Shape())
	err = d.Forward(t.Context(), &sampler.Eval{Elems: n, Active: []int{0}, Conds: []sampler.Cond{c},
		In: make(gpu.HostBuffer, n), T: make(gpu.HostBuffer, 1), Out: make(gpu.HostBuffer, n)})
	require.ErrorAs(t, err, &e)
	require.Contains(t, e.Detail, "perturbed")
}
