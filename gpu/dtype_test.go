package gpu

import (
	"fmt"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/stretchr/testify/require"
)

// narrow is the CPU device with network buffers that the host cannot use, as those of a GPU: what goes
// through them is rounded to a type.
type narrow struct {
	*CPU
	dtype gputest.DType
}

type narrowProgram struct {
	sampler.Program
	dtype gputest.DType
}

// narrowBuffer rounds what is read from and written to it.
type narrowBuffer struct {
	HostBuffer
	dtype gputest.DType
}

var _ gputest.Transfer = narrowBuffer{}

func (n narrow) Program(elems int, reqs []sampler.Request) (sampler.Program, error) {
	p, err := n.CPU.Program(elems, reqs)
	return narrowProgram{p, n.dtype}, err
}

func (n narrowProgram) Next() *sampler.Eval {
	e := n.Program.Next()
	if e == nil {
		return nil
	}
	hidden := *e
	hidden.In = narrowBuffer{e.In.(HostBuffer), n.dtype}
	hidden.Out = narrowBuffer{e.Out.(HostBuffer), n.dtype}
	if e.Variance != nil {
		hidden.Variance = narrowBuffer{e.Variance.(HostBuffer), n.dtype}
	}
	hidden.T = narrowBuffer{e.T.(HostBuffer), gputest.Float32}
	return &hidden
}

func (b narrowBuffer) Host() []float32 { return nil }

func (b narrowBuffer) Download(dst []float32) error { return b.move(dst, b.HostBuffer) }

func (b narrowBuffer) Upload(src []float32) error { return b.move(b.HostBuffer, src) }

func (b narrowBuffer) move(dst, src []float32) error {
	if len(dst) != len(src) {
		return fmt.Errorf("%d values: want %d", len(dst), len(src))
	}
	for i, v := range src {
		dst[i] = b.dtype.Round(v)
	}
	return nil
}

// TestSamplersMatchReference runs every sampler's real plan in one mixed batch, stage by stage, on
// every device and for each type of the network's buffers: below, at and past one block of threads.
func TestSamplersMatchReference(t *testing.T) {
	sizes := []int{1, 255, 4096, 65537}
	if testing.Short() {
		sizes = []int{1, 255, 4096}
	}
	forEachDevice(t, func(t *testing.T, dev sampler.Device, dtype gputest.DType) {
		for _, elems := range sizes {
			exact(t, dev, dtype, elems, gputest.SamplerRequests(t, elems), gputest.Lattice)
		}
	})
}

// TestRequestsMatchReference is the same for the hand-made requests, with thresholds, rescaled
// guidance, known parts and up to four conditions, and special numbers.
func TestRequestsMatchReference(t *testing.T) {
	forEachDevice(t, func(t *testing.T, dev sampler.Device, dtype gputest.DType) {
		for _, elems := range []int{1, 1024, 1025} {
			exact(t, dev, dtype, elems, gputest.Requests(elems), gputest.Lattice)
			exact(t, dev, dtype, elems, gputest.Requests(elems), gputest.Specials)
		}
	})
}

// TestEachSamplerMatchesReference runs the samplers one by one, each for two requests, so that every
// special variant of the update has its turn.
func TestEachSamplerMatchesReference(t *testing.T) {
	forEachDevice(t, func(t *testing.T, dev sampler.Device, dtype gputest.DType) {
		for _, elems := range []int{4, 784, 2048} {
			reqs := append(gputest.SamplerRequests(t, elems), gputest.EpsilonRequests(t, 1)...)
			for i, r := range append(reqs, gputest.EpsilonRequests(t, 2)...) {
				twin := r
				twin.Seed++
				twin.Conds = nil
				for _, w := range r.Conds {
					twin.Conds = append(twin.Conds, sampler.Weighted{Weight: w.Weight * 1.25, Cond: w.Cond.(int) + 3})
				}
				net := []gputest.Net{gputest.Lattice, gputest.Specials}[i%2]
				got := gputest.Execute(t, dev, elems, []sampler.Request{r, twin}, net)
				for k, q := range []sampler.Request{r, twin} {
					want := gputest.Reference(elems, q, net, Normals, dtype)
					gputest.RequireExact(t, want, got[k], "sampler %d, %s, row %d", i, r.Plan.Sampler, k)
				}
			}
		}
	})
}

func exact(t *testing.T, dev sampler.Device, dtype gputest.DType, elems int, reqs []sampler.Request,
	net gputest.Net) {
	t.Helper()
	got := gputest.Execute(t, dev, elems, reqs, net)
	different := 0
	for i := range reqs {
		want := gputest.Reference(elems, reqs[i], net, Normals, dtype)
		gputest.RequireExact(t, want, got[i], "%d elements, request %d, %s", elems, i, reqs[i].Plan.Sampler)
		if !gputest.Equal(want, gputest.Reference(elems, reqs[i], net, Normals, gputest.Float32)) {
			different++
		}
	}
	if dtype != gputest.Float32 {
		require.NotZero(t, different, "the type matters")
	}
}
