package lower

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
)

// inpaint is Stable Diffusion 1.5 as it is made for in-painting: with 9 channels.
func inpaint(t *testing.T) model.Network {
	t.Helper()
	b, err := os.ReadFile("testdata/sd15.json")
	require.NoError(t, err)
	old := []byte(`"in_channels": 4`)
	require.Equal(t, 1, bytes.Count(b, old))
	n, err := model.ParseNetwork("inpaint", bytes.Replace(b, old, []byte(`"in_channels": 9`), 1))
	require.NoError(t, err)
	return n
}

// TestBesideCostsNoStep: a network for in-painting has the steps of the one without a mask, before the loop and in
// it; the sample goes to the first channels of its pixels, where the condition leaves zeros.
func TestBesideCostsNoStep(t *testing.T) {
	plain, wide := networks(t)[2], inpaint(t)
	for _, ty := range types {
		p := plain.lower(t, ty)
		o := p.Options
		o.Beside = Beside(wide)
		q, err := Lower(wide.Graph(), o)
		require.NoError(t, err)
		a, b := p.Forward(), q.Forward()
		require.Equal(t, []int{a.Plans, a.Launches, p.Prologue}, []int{b.Plans, b.Launches, q.Prologue})
		i := slices.IndexFunc(q.Inputs, func(in Input) bool { return in.Kind == model.InputSample })
		in := q.Inputs[i]
		buf := q.Buffers[in.Buffer]
		require.Equal(t, Input{Kind: model.InputSample, Buffer: in.Buffer, Length: 5 * 64 * 64, Pixels: 64 * 64, Skip: 4}, in)
		require.EqualValues(t, 2*in.RowBytes(ty), buf.Bytes)
		require.Equal(t, []int{0, len(q.Steps) - 1}, []int{buf.First, buf.Last}, "nothing else is ever there")
	}
	for _, bad := range []int{-1, 9, 10} {
		o := Options{Rows: 1, Size: plain.size, Type: cudnn.Float16, Beside: bad}
		_, err := Lower(wide.Graph(), o)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Contains(t, e.Detail, "want 0..8")
	}
}

// TestInputStore: vectors keep their order, images go channels last and leave room.
func TestInputStore(t *testing.T) {
	values := []float32{1, 2, 3, 4, 5, 6}
	for _, x := range []struct {
		in   Input
		want []float32
	}{
		{Input{Length: 6}, values},
		{Input{Length: 6, Index: 4, Repeat: 3}, []float32{5, 5, 5}},
		{Input{Length: 6, Pixels: 3}, []float32{1, 4, 2, 5, 3, 6}},
		{Input{Length: 6, Pixels: 2, Skip: 1}, []float32{0, 1, 3, 5, 0, 2, 4, 6}},
	} {
		for _, ty := range types {
			n := x.in.RowBytes(ty)
			require.EqualValues(t, int64(len(x.want))*ty.Size(), n)
			got, want := bytes.Repeat([]byte{9}, n), make([]byte, n)
			x.in.Store(ty, got, values)
			Store(ty, want, x.want)
			require.Equal(t, want, got, "%+v %v", x.in, ty)
		}
	}
	in := Input{Length: 6, Type: InputFloat32}
	require.Equal(t, 24, in.RowBytes(cudnn.Float16))
}
