package model_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/safetensors"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// text is a text embedding of random numbers.
func text(u *model.UNetCondition, seed uint64, tokens int) *model.TextEmbedding {
	data := make(gpu.HostBuffer, tokens*u.ContextDim())
	gpu.Normals(data, seed, 0, 0)
	return &model.TextEmbedding{Data: data, Tokens: tokens}
}

// changedText is a condition with a change, in memory of its own.
func changedText(c sampler.Cond, f func(c *model.TextEmbedding)) sampler.Cond {
	x := *c.(*model.TextEmbedding)
	x.Data = slices.Clone(x.Data)
	f(&x)
	return &x
}

// TestConditionDenoiserRows: a row's output does not depend on which other rows are
// active, nor on the lengths of their texts, and rows that are not active are left alone.
func TestConditionDenoiserRows(t *testing.T) {
	for _, name := range []string{"unet_sd15", "unet_lcm", "unet_wide"} {
		u, err := model.OpenUNetCondition("testdata/" + name)
		require.NoError(t, err)
		d, err := u.Denoiser(4, 6, nil)
		require.NoError(t, err)
		require.Equal(t, []int{u.Channels(), 4, 6}, d.Shape())
		const rows = 6
		n := sampler.Elems(d.Shape())
		conds := make([]sampler.Cond, rows)
		for r, tokens := range []int{7, 77, 7, 1, 77, 7} {
			c := text(u, uint64(r), tokens)
			if r%2 == 1 && name == "unet_lcm" {
				c.TimeCond = make([]float32, 16)
				gpu.Normals(c.TimeCond, uint64(100+r), 0, 0)
			}
			if name == "unet_wide" {
				c.Class = model.Class(2 * r)
			}
			conds[r] = c
		}
		eval := func(active ...int) []float32 {
			in, step, out := make(gpu.HostBuffer, rows*n), make(gpu.HostBuffer, rows), make(gpu.HostBuffer, rows*n)
			gpu.Normals(in, 7, 0, 0)
			for r := range rows {
				step[r] = float32(100 * r)
			}
			require.NoError(t, d.Forward(t.Context(), &sampler.Eval{Elems: n, Active: active, Conds: conds,
				In: in, T: step, Out: out}))
			return out
		}
		all := eval(0, 1, 2, 3, 4, 5)
		kept := conds[5]
		conds[5] = changedText(kept, func(c *model.TextEmbedding) { c.Data[7]++ })
		require.NotEqual(t, all[5*n:], eval(5)[5*n:], "the text has an effect")
		if name == "unet_wide" {
			conds[5] = changedText(kept, func(c *model.TextEmbedding) { c.Class-- })
			require.NotEqual(t, all[5*n:], eval(5)[5*n:], "the class has an effect")
		}
		conds[5] = kept
		for _, active := range [][]int{{0}, {3}, {1, 2}, {0, 2, 5}, {1, 4}, {0, 1, 2, 3, 4, 5}} {
			got := eval(active...)
			for r, k := 0, 0; r < rows; r++ {
				want := make([]float32, n)
				if k < len(active) && active[k] == r {
					want, k = all[r*n:(r+1)*n], k+1
				}
				require.Equal(t, want, got[r*n:(r+1)*n], "%s active %v, row %d", name, active, r)
			}
		}
	}
}

// TestConditionDenoiserGolden: the model gives diffusers' result, so that conditions go
// to their own rows.
func TestConditionDenoiserGolden(t *testing.T) {
	u, err := model.OpenUNetCondition("testdata/unet_lcm")
	require.NoError(t, err)
	f, err := safetensors.Open("testdata/unet_lcm/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	read := func(name string) gpu.HostBuffer {
		v, err := f.Float32s(name)
		require.NoError(t, err)
		return v
	}
	d, err := u.Denoiser(0, 0, nil)
	require.NoError(t, err)
	ctx, tcond, want := read("in.ctx"), read("in.tcond"), read("out.sample")
	out := make(gpu.HostBuffer, len(want))
	e := &sampler.Eval{Elems: 4 * 8 * 8, Active: []int{0, 1}, In: read("in.x"), T: gpu.HostBuffer{259, 999}, Out: out}
	for r := range 2 {
		e.Conds = append(e.Conds, &model.TextEmbedding{Tokens: 7, Data: ctx[r*7*24 : (r+1)*7*24],
			TimeCond: tcond[r*16 : (r+1)*16]})
	}
	require.NoError(t, d.Forward(t.Context(), e))
	require.InDeltaSlice(t, want, out, 5e-6)
}

func TestConditionDenoiserRefuses(t *testing.T) {
	u, err := model.OpenUNetCondition("testdata/unet_odd")
	require.NoError(t, err)
	var shape *model.ShapeError
	odd, err := u.Denoiser(8, 8, nil)
	require.NoError(t, err, "5 channels in, 3 out")
	for _, beside := range []int{0, 2*8*8 - 1, 3 * 8 * 8} {
		c := text(u, 1, 7)
		c.Beside = make([]float32, beside)
		m := sampler.Elems(odd.Shape())
		e := &sampler.Eval{Elems: m, Active: []int{0}, Conds: []sampler.Cond{c},
			In: make(gpu.HostBuffer, m), T: make(gpu.HostBuffer, 1), Out: make(gpu.HostBuffer, m)}
		var in *model.InputError
		require.ErrorAs(t, odd.Forward(t.Context(), e), &in, beside)
		require.Contains(t, in.Error(), "Beside")
	}
	u, err = model.OpenUNetCondition("testdata/unet_wide")
	require.NoError(t, err)
	_, err = u.Denoiser(0, 0, nil)
	require.ErrorAs(t, err, &shape, "no sample_size")
	_, err = u.Denoiser(3, 4, nil)
	require.ErrorAs(t, err, &shape, "3 rows become 1, then 2")

	u, err = model.OpenUNetCondition("testdata/unet_lcm")
	require.NoError(t, err)
	d, err := u.Denoiser(4, 4, nil)
	require.NoError(t, err)
	n := sampler.Elems(d.Shape())
	good := text(u, 1, 7)
	change := func(f func(c *model.TextEmbedding)) sampler.Cond { c := *good; f(&c); return &c }
	for i, c := range []sampler.Cond{nil, "a cat", model.Class(1), (*model.TextEmbedding)(nil),
		change(func(c *model.TextEmbedding) { c.Tokens = 8 }),
		change(func(c *model.TextEmbedding) { c.Tokens = 0 }),
		change(func(c *model.TextEmbedding) { c.Tokens = 1 << 30 }),
		change(func(c *model.TextEmbedding) { c.Data = c.Data[1:] }),
		change(func(c *model.TextEmbedding) { c.TimeCond = make([]float32, 15) }),
		change(func(c *model.TextEmbedding) { c.Class = 1 }),
	} {
		out := make(gpu.HostBuffer, 2*n)
		e := &sampler.Eval{Elems: n, Active: []int{0, 1}, Conds: []sampler.Cond{good, c},
			In: make(gpu.HostBuffer, 2*n), T: make(gpu.HostBuffer, 2), Out: out}
		var in *model.InputError
		require.ErrorAs(t, d.Forward(t.Context(), e), &in, "case %d", i)
		require.Equal(t, make(gpu.HostBuffer, 2*n), out, "nothing runs before all is checked")
	}
	u, err = model.OpenUNetCondition("testdata/unet_wide")
	require.NoError(t, err)
	classes, err := u.Denoiser(4, 4, nil)
	require.NoError(t, err)
	for _, class := range []model.Class{-1, 11} {
		c := text(u, 1, 7)
		c.Class = class
		m := sampler.Elems(classes.Shape())
		e := &sampler.Eval{Elems: m, Active: []int{0}, Conds: []sampler.Cond{c},
			In: make(gpu.HostBuffer, m), T: make(gpu.HostBuffer, 1), Out: make(gpu.HostBuffer, m)}
		var in *model.InputError
		require.ErrorAs(t, classes.Forward(t.Context(), e), &in)
		require.Equal(t, "class", in.Input, "refused before anything is compiled")
	}
	e := &sampler.Eval{Elems: n + 1, Active: []int{0}, Conds: []sampler.Cond{good},
		In: make(gpu.HostBuffer, n+1), T: make(gpu.HostBuffer, 1), Out: make(gpu.HostBuffer, n+1)}
	require.ErrorAs(t, d.Forward(t.Context(), e), &shape)
}

// TestConditionDenoiserSDXL: pooled texts and sizes go to their own rows, and those of a
// wrong length are refused.
func TestConditionDenoiserSDXL(t *testing.T) {
	u, err := model.OpenUNetCondition("testdata/unet_sdxl")
	require.NoError(t, err)
	f, err := safetensors.Open("testdata/unet_sdxl/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	read := func(name string) gpu.HostBuffer {
		v, err := f.Float32s(name)
		require.NoError(t, err)
		return v
	}
	d, err := u.Denoiser(0, 0, nil)
	require.NoError(t, err)
	ctx, pooled, ids, want := read("in.ctx"), read("in.text_embeds"), read("in.time_ids"), read("out.sample")
	out := make(gpu.HostBuffer, len(want))
	e := &sampler.Eval{Elems: 4 * 8 * 8, Active: []int{0, 1}, In: read("in.x"), T: gpu.HostBuffer{10, 801}, Out: out}
	for r := range 2 {
		e.Conds = append(e.Conds, &model.TextEmbedding{Tokens: 7, Data: ctx[r*7*24 : (r+1)*7*24],
			Pooled: pooled[r*16 : (r+1)*16], TimeIDs: ids[r*6 : (r+1)*6]})
	}
	require.NoError(t, d.Forward(t.Context(), e))
	require.InDeltaSlice(t, want, out, 5e-6)
	for _, change := range []func(c *model.TextEmbedding){
		func(c *model.TextEmbedding) { c.Pooled = nil },
		func(c *model.TextEmbedding) { c.Pooled = c.Pooled[1:] },
		func(c *model.TextEmbedding) { c.TimeIDs = c.TimeIDs[:5] },
		func(c *model.TextEmbedding) { c.TimeIDs = make([]float32, 7) },
	} {
		bad := *e
		bad.Conds = []sampler.Cond{e.Conds[0], changedText(e.Conds[1], change)}
		var in *model.InputError
		require.ErrorAs(t, d.Forward(t.Context(), &bad), &in)
	}
}

// TestConditionDenoiserInpaint: a network of 9 channels gives diffusers' result for the sample with mask and masked
// latents after it, each row with its own.
func TestConditionDenoiserInpaint(t *testing.T) {
	u, err := model.OpenUNetCondition("testdata/unet_inpaint")
	require.NoError(t, err)
	f, err := safetensors.Open("testdata/unet_inpaint/golden.safetensors")
	require.NoError(t, err)
	defer f.Close()
	read := func(name string) gpu.HostBuffer {
		v, err := f.Float32s(name)
		require.NoError(t, err)
		return v
	}
	d, err := u.Denoiser(0, 0, nil)
	require.NoError(t, err)
	x, ctx, want := read("in.x"), read("in.ctx"), read("out.sample")
	const rows, golden = 3, 1 // the others are something else
	n, tokens := sampler.Elems(d.Shape()), len(ctx)/u.ContextDim()
	require.Equal(t, []int{4, 8, 8}, d.Shape())
	e := &sampler.Eval{Elems: n, T: gpu.HostBuffer{10, 10, 10}}
	in := make(gpu.HostBuffer, rows*n)
	gpu.Normals(in, 7, 0, 0)
	copy(in[golden*n:], x[:n])
	e.In = in
	for r := range rows {
		c := &model.TextEmbedding{Tokens: tokens, Data: ctx, Beside: x[n:]}
		if r != golden {
			c.Beside = make([]float32, len(x)-n)
			gpu.Normals(c.Beside, uint64(r), 0, 0)
		}
		e.Conds = append(e.Conds, c)
	}
	for _, active := range [][]int{{1}, {0, 1, 2}, {1, 2}} {
		out := make(gpu.HostBuffer, rows*n)
		e.Active, e.Out = active, out
		require.NoError(t, d.Forward(t.Context(), e))
		require.InDeltaSlice(t, want, out[golden*n:][:n], 5e-6, active)
		for r := range rows {
			blank := !slices.ContainsFunc(out[r*n:(r+1)*n], func(v float32) bool { return v != 0 })
			require.Equal(t, !slices.Contains(active, r), blank, "%v: row %d", active, r)
		}
	}
}
