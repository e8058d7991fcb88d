package gpu

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/stretchr/testify/require"
)

// runFor does up to n stages and holds each against the reference of its request: what the network gets,
// the sample and the prediction.
func runFor(t *testing.T, p sampler.Program, reqs []sampler.Request, want [][]gputest.Stage, n int) {
	t.Helper()
	before := make([]int, len(reqs))
	for range n {
		e := p.Next()
		if e == nil {
			return
		}
		for i := range reqs {
			before[i] = p.Stage(i)
		}
		in, ts, out := make([]float32, e.In.Len()), make([]float32, e.T.Len()), make([]float32, e.Out.Len())
		read(t, e.In, in)
		read(t, e.T, ts)
		for i := range out {
			out[i] = float32(math.NaN())
		}
		variance := slices.Clone(out)
		owner := owners(reqs)
		for _, row := range e.Active {
			lo, hi := row*e.Elems, (row+1)*e.Elems
			i := owner[row].request
			next := &want[i][before[i]+1]
			require.Negative(t, gputest.Diff(next.In[owner[row].cond], in[lo:hi]), "input %d of request %d", before[i], i)
			require.Equal(t, next.T[owner[row].cond], ts[row])
			gputest.Lattice(e.Conds[row], ts[row], in[lo:hi], out[lo:hi])
			gputest.Variance(e.Conds[row], ts[row], out[lo:hi], variance[lo:hi])
		}
		write(t, e.Out, out)
		if e.Variance != nil {
			write(t, e.Variance, variance)
		}
		require.NoError(t, p.Step())
		for i := range reqs {
			requireStage(t, p, i, e.Elems, want[i])
		}
	}
}

type owner struct{ request, cond int }

func owners(reqs []sampler.Request) (o []owner) {
	for i := range reqs {
		for k := range reqs[i].Conds {
			o = append(o, owner{i, k})
		}
	}
	return o
}

func requireStage(t *testing.T, p sampler.Program, i, elems int, want []gputest.Stage) {
	t.Helper()
	s := want[p.Stage(i)]
	v := make([]float32, elems)
	require.NoError(t, p.Read(i, v))
	require.Negative(t, gputest.Diff(s.X, v), "x of request %d after %d stages", i, p.Stage(i))
	if s.D == nil {
		require.Error(t, p.Denoised(i, v))
		return
	}
	require.NoError(t, p.Denoised(i, v))
	require.Negative(t, gputest.Diff(s.D, v), "d of request %d after %d stages", i, p.Stage(i))
}

func read(t *testing.T, b sampler.Buffer, dst []float32) {
	t.Helper()
	if h := b.Host(); h != nil {
		copy(dst, h)
		return
	}
	require.NoError(t, b.(transfer).Download(dst))
}

func write(t *testing.T, b sampler.Buffer, src []float32) {
	t.Helper()
	if h := b.Host(); h != nil {
		copy(h, src)
		return
	}
	require.NoError(t, b.(transfer).Upload(src))
}

// save saves a request and sends it through its binary form.
func save(t *testing.T, p sampler.Program, row int) *sampler.State {
	t.Helper()
	if n, ok := p.(narrowProgram); ok {
		p = n.Program
	}
	s, err := p.(sampler.Saver).Save(row)
	require.NoError(t, err)
	data, err := s.MarshalBinary()
	require.NoError(t, err)
	back := new(sampler.State)
	require.NoError(t, back.UnmarshalBinary(data))
	require.Equal(t, p.Stage(row), back.Stage)
	return back
}

// stateRequests are all samplers and hand-made and random plans, with reductions and in-painting.
func stateRequests(t *testing.T, elems int) []sampler.Request {
	return append(gputest.SamplerRequests(t, elems), gputest.Requests(elems)...)
}

func references(elems int, reqs []sampler.Request, dtype gputest.DType) [][]gputest.Stage {
	want := make([][]gputest.Stage, len(reqs))
	for i := range reqs {
		want[i] = gputest.Reference(elems, reqs[i], gputest.Lattice, Normals, dtype)
	}
	return want
}

// interrupt runs all requests for cut stages on one device, saves them there and goes on with them on
// another, together with fresh ones.
func interrupt(t *testing.T, from, to sampler.Device, elems, cut int, reqs []sampler.Request, want [][]gputest.Stage) {
	t.Helper()
	p, err := from.Program(elems, reqs)
	require.NoError(t, err)
	runFor(t, p, reqs, want, cut)
	resumed := make([]sampler.Request, len(reqs))
	for i := range reqs {
		resumed[i] = reqs[i]
		resumed[i].Resume = save(t, p, i)
		require.Equal(t, min(cut, len(reqs[i].Plan.Stages)), p.Stage(i))
	}
	require.NoError(t, p.Close())
	for i := 0; i < len(reqs); i += 4 {
		resumed[i].Resume = nil
	}
	p, err = to.Program(elems, resumed)
	require.NoError(t, err)
	for i := range reqs {
		requireStage(t, p, i, elems, want[i])
	}
	runFor(t, p, resumed, want, 1000)
	for i := range reqs {
		require.Equal(t, len(reqs[i].Plan.Stages), p.Stage(i))
	}
	require.NoError(t, p.Close())
}

func mostStages(reqs []sampler.Request) (n int) {
	for i := range reqs {
		n = max(n, len(reqs[i].Plan.Stages))
	}
	return n
}

// TestStateEveryStage interrupts every request after each of its stages.
func TestStateEveryStage(t *testing.T) {
	const elems = 67
	dev := NewCPU(2)
	defer dev.Close()
	reqs := stateRequests(t, elems)
	want := references(elems, reqs, gputest.Float32)
	for cut := range mostStages(reqs) + 1 {
		interrupt(t, dev, dev, elems, cut, reqs, want)
	}
}

// TestStateDevices goes on with a run on a device of the same kind and of the other one, for each type of
// the network's buffers, whole vectors and others.
func TestStateDevices(t *testing.T) {
	cpu := NewCPU(2)
	defer cpu.Close()
	for _, dtype := range gputest.DTypes {
		host, device := narrow{cpu, dtype}, openCUDA(t, dtype)
		sizes, cuts := []int{256}, []int{1, 3}
		if dtype == gputest.Float32 {
			sizes, cuts = []int{256, 257}, []int{0, 1, 2, 3, 6}
		}
		for _, elems := range sizes {
			reqs := stateRequests(t, elems)
			want := references(elems, reqs, dtype)
			for name, pair := range map[string][2]sampler.Device{
				"cuda to cuda": {device, device}, "cpu to cuda": {host, device}, "cuda to cpu": {device, host},
			} {
				for _, cut := range cuts {
					t.Run(fmt.Sprintf("%v/%d/%s/%d", dtype, elems, name, cut), func(t *testing.T) {
						interrupt(t, pair[0], pair[1], elems, cut, reqs, want)
					})
				}
			}
		}
	}
}

// TestStateErrors: rows that are not there and programs that are closed.
func TestStateErrors(t *testing.T) {
	cpu := NewCPU(1)
	defer cpu.Close()
	check := func(t *testing.T, dev sampler.Device) {
		p, err := dev.Program(8, gputest.Requests(8)[:2])
		require.NoError(t, err)
		for _, row := range []int{-1, 2} {
			var e *sampler.RequestError
			_, err := p.(sampler.Saver).Save(row)
			require.ErrorAs(t, err, &e)
			require.Equal(t, "row", e.Field)
		}
		require.NoError(t, p.Close())
		_, err = p.(sampler.Saver).Save(0)
		require.ErrorIs(t, err, sampler.ErrClosed)
	}
	t.Run("cpu", func(t *testing.T) { check(t, cpu) })
	t.Run("cuda", func(t *testing.T) { check(t, openCUDA(t, gputest.Float32)) })
}
