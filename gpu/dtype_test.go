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

// TestSamplersMatchReference runs every sampler's real plan in one mixed batch, stage by stage, for
// each type of the network's buffers.
func TestSamplersMatchReference(t *testing.T) {
	for _, elems := range []int{1, 255, 4096} {
		reqs := gputest.SamplerRequests(t, elems)
		for _, dtype := range gputest.DTypes {
			t.Run(fmt.Sprintf("%v/%d", dtype, elems), func(t *testing.T) {
				exact(t, dtype, elems, reqs, gputest.Lattice)
			})
		}
	}
}

// TestNarrowTypes is the same for the hand-made requests and special numbers.
func TestNarrowTypes(t *testing.T) {
	const elems = 1025
	nets := map[string]gputest.Net{"lattice": gputest.Lattice, "specials": gputest.Specials}
	for _, dtype := range gputest.DTypes {
		for name, net := range nets {
			t.Run(fmt.Sprintf("%v/%s", dtype, name), func(t *testing.T) {
				exact(t, dtype, elems, gputest.Requests(elems), net)
			})
		}
	}
}

func exact(t *testing.T, dtype gputest.DType, elems int, reqs []sampler.Request, net gputest.Net) {
	dev := narrow{NewCPU(2), dtype}
	defer dev.Close()
	got := gputest.Execute(t, dev, elems, reqs, net)
	different := 0
	for i := range reqs {
		want := gputest.Reference(elems, reqs[i], net, Normals, dtype)
		gputest.RequireExact(t, want, got[i], "request %d, %s", i, reqs[i].Plan.Sampler)
		if !gputest.Equal(want, gputest.Reference(elems, reqs[i], net, Normals, gputest.Float32)) {
			different++
		}
	}
	if dtype != gputest.Float32 {
		require.NotZero(t, different, "the type matters")
	}
}
