package gpu

import (
	"math"
	"slices"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/gputest"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
	"github.com/stretchr/testify/require"
)

// program binds requests on a device of its own.
func program(t testing.TB, threads, elems int, reqs ...sampler.Request) sampler.Program {
	dev := NewCPU(threads)
	t.Cleanup(func() { dev.Close() })
	p, err := dev.Program(elems, reqs)
	require.NoError(t, err)
	return p
}

// steps is a plan of n DDIM-like stages with noise.
func steps(n int) *sampler.Plan {
	p := &sampler.Plan{Sampler: "steps", Init: 1}
	for i := range n {
		p.Stages = append(p.Stages, sampler.Stage{
			At: schedule.Point{T: float64(n - i), Alpha: 0.8, Sigma: 0.6, In: 1}, Eval: true,
			From: schedule.Scaling{Skip: 1.25, Out: -0.75}, Clip: 1,
			X:     sampler.Row{X: 0.5, D: 0.25, H: [4]float64{0, 0.25 * float64(min(i, 1))}, N: [2]float64{0.1}},
			Push:  &sampler.Row{D: 1},
			Slot:  1,
			Draws: [2]int{i + 1}, Step: i, Final: true})
	}
	return p
}

func TestStepsDoNotAllocate(t *testing.T) {
	const runs = 200
	for _, threads := range []int{1, 2, 4} {
		var reqs []sampler.Request
		for k := 1; k <= 3; k++ {
			reqs = append(reqs, sampler.Request{Plan: steps(2 * runs), Conds: gputest.Conds(0, k), Seed: uint64(k)})
		}
		dynamic := sampler.Request{Plan: steps(2 * runs), Conds: gputest.Conds(0, 2),
			Inpaint: gputest.Inpaint(9000, 1)}
		dynamic.Plan.Threshold, dynamic.Plan.Rescale = &sampler.Threshold{Quantile: 0.995, Max: 9}, 0.7
		reqs = append(reqs, dynamic)
		p := program(t, threads, 9000, reqs...)
		require.Zero(t, testing.AllocsPerRun(runs, func() {
			if p.Next() == nil || p.Step() != nil {
				panic("ended too early")
			}
		}), "%d threads", threads)
	}
}

func TestActiveShrinks(t *testing.T) {
	var reqs []sampler.Request
	for i, n := range []int{3, 1, 2} {
		reqs = append(reqs, sampler.Request{Plan: steps(n), Conds: gputest.Conds(0, 1+i), Seed: 1})
	}
	p := program(t, 2, 10, reqs...)
	for s, want := range [][]int{{0, 1, 2, 3, 4, 5}, {0, 3, 4, 5}, {0}} {
		require.Equal(t, want, p.Next().Active)
		require.Equal(t, want, p.Next().Active, "Next changes nothing")
		require.Equal(t, []int{s, min(s, 1), min(s, 2)}, []int{p.Stage(0), p.Stage(1), p.Stage(2)})
		require.NoError(t, p.Step())
	}
	require.Nil(t, p.Next())
	require.NoError(t, p.Step(), "a step of a finished batch does nothing")
	require.Equal(t, 3, p.Stage(0))
	require.Equal(t, -1, p.Stage(3))
	require.Equal(t, -1, p.Stage(-1))
}

// TestGuards has guard words around everything that the caller shares with a Program, and a
// finished request beside one that goes on.
func TestGuards(t *testing.T) {
	const elems, guard = 777, 1234.5
	guarded := func() []float32 {
		b := make([]float32, elems+2)
		b[0], b[elems+1] = guard, guard
		return b
	}
	init := guarded()
	copy(init[1:], gputest.Pattern(elems, 5, 101))
	kept := slices.Clone(init)
	p := program(t, 2, elems,
		sampler.Request{Plan: steps(1), Conds: gputest.Conds(0, 1), Init: init[1 : elems+1]},
		sampler.Request{Plan: steps(3), Conds: gputest.Conds(0, 2), Seed: 2})
	x, d := guarded(), guarded()
	for e := p.Next(); e != nil; e = p.Next() {
		out := slices.Clone(e.Out.Host())
		in := slices.Clone(e.In.Host()[:elems])
		require.NoError(t, p.Step())
		require.Equal(t, out, e.Out.Host(), "the output belongs to the Model")
		require.Equal(t, in, e.In.Host()[:elems], "the input of a finished request stays")
		require.NoError(t, p.Read(0, x[1:elems+1]))
		require.NoError(t, p.Denoised(0, d[1:elems+1]))
		for _, b := range [][]float32{x, d} {
			require.Equal(t, []float32{guard, guard}, []float32{b[0], b[elems+1]})
		}
	}
	require.Equal(t, kept, init)
}

// TestUnusedRegistersHaveNoMemory looks inside.
func TestUnusedRegistersHaveNoMemory(t *testing.T) {
	p := program(t, 1, 5, sampler.Request{Plan: steps(2), Conds: gputest.Conds(0, 1)}).(*cpuProgram)
	require.Nil(t, p.rows[0].base)
	require.Nil(t, p.rows[0].h[0])
	require.Len(t, p.rows[0].h[1], 5)
}

func TestProgramErrors(t *testing.T) {
	dev := NewCPU(1)
	defer dev.Close()
	good := func() sampler.Request { return sampler.Request{Plan: steps(1), Conds: gputest.Conds(0, 1)} }
	for name, c := range map[string]struct {
		elems  int
		change func(*sampler.Request)
		field  string
	}{
		"no elements":       {0, func(*sampler.Request) {}, "shape"},
		"negative elements": {-4, func(*sampler.Request) {}, "shape"},
		"too many elements": {math.MaxInt, func(*sampler.Request) {}, "shape"},
		"no plan":           {4, func(r *sampler.Request) { r.Plan = nil }, "plan"},
		"no conditions":     {4, func(r *sampler.Request) { r.Conds = nil }, "conditions"},
		"short init":        {4, func(r *sampler.Request) { r.Init = make([]float32, 3) }, "initial noise"},
		"empty init":        {4, func(r *sampler.Request) { r.Init = []float32{} }, "initial noise"},
		"infinite weight":   {4, func(r *sampler.Request) { r.Conds[0].Weight = 1e300 }, "condition weight"},
		"short known":       {4, func(r *sampler.Request) { r.Inpaint = gputest.Inpaint(3, 0) }, "inpaint known"},
		"mask": {4, func(r *sampler.Request) {
			r.Inpaint = gputest.Inpaint(4, 0)
			r.Inpaint.Mask[3] = -0.5
		}, "inpaint mask"},
		"not a number": {4, func(r *sampler.Request) { r.Conds[0].Weight = math.NaN() }, "condition weight"},
	} {
		req := good()
		c.change(&req)
		p, err := dev.Program(c.elems, []sampler.Request{req})
		require.Nil(t, p, name)
		var re *sampler.RequestError
		require.ErrorAs(t, err, &re, name)
		require.Equal(t, c.field, re.Field, name)
	}
	large := good()
	large.Plan.Init = 1e300
	_, err := dev.Program(4, []sampler.Request{large})
	var pe *sampler.PlanError
	require.ErrorAs(t, err, &pe, "an initial scale that overflows float32")
	_, err = dev.Program(4, nil)
	var re *sampler.RequestError
	require.ErrorAs(t, err, &re)

	for name, change := range map[string]func(*sampler.Stage){
		"slot":       func(s *sampler.Stage) { s.Slot = 4 },
		"read first": func(s *sampler.Stage) { s.X.H[2] = 1 },
		"no draw":    func(s *sampler.Stage) { s.X.N[1] = 1 },
		"draw":       func(s *sampler.Stage) { s.Draws[0] = 1 << 32 },
		"infinite":   func(s *sampler.Stage) { s.X.X = math.Inf(1) },
	} {
		req := good()
		change(&req.Plan.Stages[0])
		_, err := dev.Program(4, []sampler.Request{req})
		var pe *sampler.PlanError
		require.ErrorAs(t, err, &pe, name)
	}
}

func TestReadErrorsAndClose(t *testing.T) {
	p := program(t, 1, 4, sampler.Request{Plan: steps(1), Conds: gputest.Conds(0, 1)})
	var re *sampler.RequestError
	for _, read := range []func(int, []float32) error{p.Read, p.Denoised} {
		require.ErrorAs(t, read(-1, make([]float32, 4)), &re)
		require.ErrorAs(t, read(1, make([]float32, 4)), &re)
		require.ErrorAs(t, read(0, make([]float32, 5)), &re)
		require.ErrorAs(t, read(0, nil), &re)
	}
	require.ErrorAs(t, p.Denoised(0, make([]float32, 4)), &re)
	require.NoError(t, p.Step())
	require.NoError(t, p.Denoised(0, make([]float32, 4)))
	require.NoError(t, p.Close())
	require.NoError(t, p.Close())
	require.ErrorIs(t, p.Step(), sampler.ErrClosed)
	require.ErrorIs(t, p.Read(0, make([]float32, 4)), sampler.ErrClosed)
	require.ErrorIs(t, p.Denoised(0, make([]float32, 4)), sampler.ErrClosed)
	require.Nil(t, p.Next())
	require.Equal(t, 1, p.Stage(0))
}

// TestClosedDeviceFinishes has a Program outlive its device.
func TestClosedDeviceFinishes(t *testing.T) {
	dev := NewCPU(3)
	require.Equal(t, 3, dev.Threads())
	require.Equal(t, "cpu", dev.Name())
	p, err := dev.Program(10000, []sampler.Request{{Plan: steps(1), Conds: gputest.Conds(0, 1)}})
	require.NoError(t, err)
	require.NoError(t, dev.Close())
	require.NoError(t, dev.Close())
	require.NoError(t, p.Step())
	require.Nil(t, p.Next())
}
