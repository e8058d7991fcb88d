package gputest

import (
	"math"
	"slices"
	"testing"

	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/stretchr/testify/require"
)

// Transfer is what a buffer has whose memory the host cannot use (its Host is nil): copies of all of
// it, converted from and to its own element type, in order with the device's other work. Download
// must also work where nothing has been written yet.
type Transfer interface {
	Download(dst []float32) error
	Upload(src []float32) error
}

// Execute runs a batch on a device and records each request as [Reference] does. Output rows that
// are not active hold NaN, and inputs that are not active must not change.
func Execute(t testing.TB, dev sampler.Device, elems int, reqs []sampler.Request, net Net) [][]Stage {
	t.Helper()
	p, err := dev.Program(elems, reqs)
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close()) }()
	trace := make([][]Stage, len(reqs))
	var r runner
	for i := range reqs {
		x := make([]float32, elems)
		require.NoError(t, p.Read(i, x))
		trace[i] = []Stage{{X: x}}
	}
	for {
		e := p.Next()
		if e == nil {
			break
		}
		now := r.forward(t, e, reqs, p, net)
		require.NoError(t, p.Step())
		for i := range reqs {
			stage := p.Stage(i)
			if stage < len(trace[i]) {
				continue // it was done before this step
			}
			require.Equal(t, len(trace[i]), stage)
			s := now[i]
			s.X = make([]float32, elems)
			require.NoError(t, p.Read(i, s.X))
			s.D = make([]float32, elems)
			if p.Denoised(i, s.D) != nil {
				s.D = nil
			}
			trace[i] = append(trace[i], s)
		}
	}
	for i := range reqs {
		require.Equal(t, len(reqs[i].Plan.Stages), p.Stage(i))
	}
	return trace
}

// runner is a network's side of a Program.
type runner struct{ in []float32 } // the input of the evaluation before

// forward runs the net on the active rows and returns what it was given per request. It checks that
// the active rows are those of the requests whose stage evaluates.
func (r *runner) forward(t testing.TB, e *sampler.Eval, reqs []sampler.Request, p sampler.Program,
	net Net) []Stage {
	in, ts := fetch(t, e.In), fetch(t, e.T)
	require.Len(t, in, len(e.Conds)*e.Elems)
	require.Len(t, ts, len(e.Conds))
	out := make([]float32, e.Out.Len())
	for i := range out {
		out[i] = float32(math.NaN())
	}
	var variance []float32
	if e.Variance != nil {
		variance = make([]float32, e.Variance.Len())
		require.Len(t, variance, len(out))
		copy(variance, out) // not-a-numbers
	}
	now := make([]Stage, len(reqs))
	var want []int
	row := 0
	for i := range reqs {
		stages, s := reqs[i].Plan.Stages, p.Stage(i)
		evaluates := s < len(stages) && stages[s].Eval
		for k := range reqs[i].Conds {
			if evaluates {
				if used(&stages[s], k) || slices.Contains(e.Active, row) { // a device may evaluate all
					want = append(want, row)
				}
				lo, hi := row*e.Elems, (row+1)*e.Elems
				now[i].In = append(now[i].In, clone(in[lo:hi]))
				now[i].T = append(now[i].T, ts[row])
				require.Equal(t, reqs[i].Conds[k].Cond, e.Conds[row])
				net(e.Conds[row], ts[row], in[lo:hi], out[lo:hi])
				if variance != nil {
					Variance(e.Conds[row], ts[row], out[lo:hi], variance[lo:hi])
				}
			}
			if r.in != nil && !evaluates && !slices.Contains(e.Active, row) {
				lo, hi := row*e.Elems, (row+1)*e.Elems
				require.Negative(t, Diff(r.in[lo:hi], in[lo:hi]), "input of row %d, which is not active", row)
			}
			row++
		}
	}
	r.in = in
	store(t, e.Out, out)
	if variance != nil {
		store(t, e.Variance, variance)
	}
	require.Equal(t, row, len(e.Conds))
	require.ElementsMatch(t, want, e.Active)
	require.IsIncreasing(t, append([]int{-1}, e.Active...))
	return now
}

// fetch returns a copy of a buffer.
func fetch(t testing.TB, b sampler.Buffer) []float32 {
	t.Helper()
	if h := b.Host(); h != nil {
		return clone(h)
	}
	s := make([]float32, b.Len())
	require.Implements(t, (*Transfer)(nil), b)
	require.NoError(t, b.(Transfer).Download(s))
	return s
}

// store fills a buffer.
func store(t testing.TB, b sampler.Buffer, s []float32) {
	t.Helper()
	if h := b.Host(); h != nil {
		require.Equal(t, len(h), copy(h, s))
		return
	}
	require.Implements(t, (*Transfer)(nil), b)
	require.NoError(t, b.(Transfer).Upload(s))
}

// Diff returns the first element whose bits differ and -1 when there is none. Not-a-numbers count
// as equal, because processors do not agree on their payload.
func Diff(want, got []float32) int {
	if len(want) != len(got) {
		return min(len(want), len(got))
	}
	for i, w := range want {
		g := got[i]
		if math.Float32bits(w) != math.Float32bits(g) && !(w != w && g != g) {
			return i
		}
	}
	return -1
}

// Equal tells whether two traces are equal, bit for bit.
func Equal(want, got []Stage) bool {
	if len(want) != len(got) {
		return false
	}
	for s := range want {
		w, g := &want[s], &got[s]
		if Diff(w.X, g.X) >= 0 || Diff(w.D, g.D) >= 0 || Diff(w.T, g.T) >= 0 || len(w.In) != len(g.In) {
			return false
		}
		for k := range w.In {
			if Diff(w.In[k], g.In[k]) >= 0 {
				return false
			}
		}
	}
	return true
}

// RequireExact fails at the first stage and buffer in which two traces differ.
func RequireExact(t testing.TB, want, got []Stage, format string, a ...any) {
	t.Helper()
	if Equal(want, got) {
		return
	}
	t.Logf(format, a...)
	require.Equal(t, len(want), len(got), "stages")
	for s := range want {
		exact(t, s, "x", want[s].X, got[s].X)
		exact(t, s, "d", want[s].D, got[s].D)
		exact(t, s, "t", want[s].T, got[s].T)
		require.Equal(t, len(want[s].In), len(got[s].In), "inputs of stage %d", s)
		for k := range want[s].In {
			exact(t, s, "in", want[s].In[k], got[s].In[k])
		}
	}
}

func exact(t testing.TB, s int, name string, want, got []float32) {
	t.Helper()
	i := Diff(want, got)
	if i < 0 {
		return
	}
	require.Equal(t, len(want), len(got), "length of %s in stage %d", name, s)
	t.Fatalf("stage %d: %s[%d] = %v (%08x), want %v (%08x)", s, name, i,
		got[i], math.Float32bits(got[i]), want[i], math.Float32bits(want[i]))
}
