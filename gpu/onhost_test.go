package gpu

import (
	"context"
	"errors"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/stretchr/testify/require"
)

// netModel is a network of the CPU.
type netModel struct {
	elems int
	net   gputest.Net
}

func latticeModel(elems int) netModel { return netModel{elems, gputest.Lattice} }

func (m netModel) Shape() []int { return []int{m.elems} }

func (m netModel) Forward(_ context.Context, e *sampler.Eval) error {
	in, t, out := e.In.Host(), e.T.Host(), e.Out.Host()
	for _, r := range e.Active {
		lo, hi := r*e.Elems, (r+1)*e.Elems
		m.net(e.Conds[r], t[r], in[lo:hi], out[lo:hi])
		if e.Variance != nil {
			gputest.Variance(e.Conds[r], t[r], out[lo:hi], e.Variance.Host()[lo:hi])
		}
	}
	return nil
}

// TestOnHost runs a network of the CPU for devices whose buffers the host cannot use.
func TestOnHost(t *testing.T) {
	const elems = 300
	cpu := NewCPU(1)
	defer cpu.Close()
	reqs := gputest.SamplerRequests(t, elems)
	want, err := sampler.Run(context.Background(), cpu, latticeModel(elems), reqs)
	require.NoError(t, err)
	got, err := sampler.Run(context.Background(), cpu, OnHost(latticeModel(elems)), reqs)
	require.NoError(t, err)
	require.Equal(t, want, got)
	forEachDevice(t, func(t *testing.T, dev sampler.Device, dtype gputest.DType) {
		got, err := sampler.Run(context.Background(), dev, OnHost(latticeModel(elems)), reqs)
		require.NoError(t, err)
		require.Equal(t, dtype == gputest.Float32, equalAll(want, got))
	})
}

func equalAll(a, b [][]float32) bool {
	for i := range a {
		if gputest.Diff(a[i], b[i]) >= 0 {
			return false
		}
	}
	return len(a) == len(b)
}

var errMoved = errors.New("moved")

// TestOnHostErrors: buffers that can be neither used nor copied, and copies that fail.
func TestOnHostErrors(t *testing.T) {
	const elems = 3
	e := &sampler.Eval{Elems: elems, Conds: []sampler.Cond{0}, Active: []int{0},
		In: hidden{}, T: hidden{}, Out: hidden{}}
	m := OnHost(latticeModel(elems))
	var re *sampler.RequestError
	require.ErrorAs(t, m.Forward(context.Background(), e), &re)
	good := broken{HostBuffer: make(HostBuffer, elems)}
	for i := range 3 {
		b := [3]sampler.Buffer{good, good, good}
		b[i] = broken{good.HostBuffer, errMoved}
		e := &sampler.Eval{Elems: elems, Conds: []sampler.Cond{0}, Active: []int{0}, In: b[0], T: b[1], Out: b[2]}
		require.ErrorIs(t, m.Forward(context.Background(), e), errMoved)
	}
}

type hidden struct{}

func (hidden) Len() int        { return 3 }
func (hidden) Host() []float32 { return nil }

type broken struct {
	HostBuffer
	err error
}

func (broken) Host() []float32            { return nil }
func (b broken) Download([]float32) error { return b.err }
func (b broken) Upload([]float32) error   { return b.err }
