package sampler_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/sampler"
	"github.com/cudiffuse/cudiffuse/schedule"
)

// scale is a condition of the fake network.
type scale float64

// fake is a network whose output is a smooth function of its input, timestep and condition. Each row is
// computed by itself.
type fake struct {
	shape []int
	calls int
	rows  []int                // active rows of each call
	hook  func(call int) error // may be nil
	conds map[sampler.Cond]int // how often each was seen
}

func (f *fake) Shape() []int { return f.shape }

func (f *fake) Forward(ctx context.Context, e *sampler.Eval) error {
	f.calls++
	f.rows = append(f.rows, len(e.Active))
	if f.hook != nil {
		if err := f.hook(f.calls); err != nil {
			return err
		}
	}
	in, out, t := e.In.Host(), e.Out.Host(), e.T.Host()
	for _, r := range e.Active {
		if f.conds != nil {
			f.conds[e.Conds[r]]++
		}
		c := float32(1)
		if s, ok := e.Conds[r].(scale); ok {
			c = float32(s)
		}
		for i := r * e.Elems; i < (r+1)*e.Elems; i++ {
			out[i] = float32(c*0.3)*in[i] + float32(0.0001*t[r])
		}
	}
	return nil
}

func newFake() *fake { return &fake{shape: []int{1, 2, 3}} }

// plan compiles a sampler by name on the linear schedule.
func plan(t testing.TB, name string, steps int, p sampler.Params, opts ...sampler.Option) *sampler.Plan {
	t.Helper()
	out, err := tryPlan(name, steps, p, opts...)
	require.NoError(t, err)
	return out
}

func tryPlan(name string, steps int, p sampler.Params, opts ...sampler.Option) (*sampler.Plan, error) {
	betas, err := schedule.Linear(1000, 1e-4, 0.02)
	if err != nil {
		return nil, err
	}
	n, err := schedule.New(betas)
	if err != nil {
		return nil, err
	}
	e, err := sampler.Lookup(name)
	if err != nil {
		return nil, err
	}
	return e.Plan(schedule.Grid{Noise: n, Steps: steps, Spacing: schedule.Trailing}, schedule.V, p, opts...)
}

func cpu(t testing.TB) *gpu.CPU {
	t.Helper()
	dev := gpu.NewCPU(2)
	t.Cleanup(func() { require.NoError(t, dev.Close()) })
	return dev
}

func guide(t testing.TB, cond, uncond sampler.Cond, s float64) []sampler.Weighted {
	t.Helper()
	w, err := sampler.Guide(cond, uncond, s)
	require.NoError(t, err)
	return w
}

// mixed is a batch in which every row has its own sampler, length, guidance and seed.
func mixed(t testing.TB) []sampler.Request {
	half := 0.5
	return []sampler.Request{
		{Plan: plan(t, "ddim", 4, sampler.Params{}), Conds: guide(t, scale(1), scale(2), 3), Seed: 1},
		{Plan: plan(t, "euler_ancestral", 2, sampler.Params{}), Conds: guide(t, scale(1), nil, 1), Seed: 2},
		{Plan: plan(t, "heun", 3, sampler.Params{}), Conds: guide(t, scale(3), scale(2), -0.5), Seed: 3},
		{Plan: plan(t, "dpmpp_2m_sde", 6, sampler.Params{}, sampler.WithClip(1)),
			Conds: guide(t, scale(1), scale(0), 0), Seed: 3},
		{Plan: plan(t, "ddim", 1, sampler.Params{Eta: &half}), Conds: guide(t, nil, nil, 1), Seed: 5,
			Init: []float32{1, 2, 3, 4, 5, 6}},
	}
}

// TestRowsAreIndependent: each row of a mixed batch has the bits it has alone.
func TestRowsAreIndependent(t *testing.T) {
	dev, reqs := cpu(t), mixed(t)
	m := newFake()
	got, err := sampler.Run(t.Context(), dev, m, reqs)
	require.NoError(t, err)
	require.Len(t, got, len(reqs))
	// Rows of 4, 2, 5 (Heun's last step is one evaluation), 6 and 1 stages; network rows 2, 1, 2, 1, 1.
	require.Equal(t, []int{7, 6, 5, 5, 3, 1}, m.rows)
	seen := map[string]bool{}
	for i := range reqs {
		alone, err := sampler.Run(t.Context(), dev, newFake(), reqs[i:i+1])
		require.NoError(t, err)
		require.Equal(t, alone[0], got[i], "row %d", i)
		seen[fmt.Sprint(got[i])] = true
	}
	require.Len(t, seen, len(reqs), "the rows differ from each other")
	for i := range reqs { // and in another order
		reqs[i].Init = reqs[i].Init[:len(reqs[i].Init):len(reqs[i].Init)]
	}
	reqs[0], reqs[4] = reqs[4], reqs[0]
	swapped, err := sampler.Run(t.Context(), dev, newFake(), reqs)
	require.NoError(t, err)
	require.Equal(t, got[0], swapped[4])
	require.Equal(t, got[4], swapped[0])
}

// TestSeedAndGuidanceMatter: what a request changes, changes its result, and nothing else does.
func TestSeedAndGuidanceMatter(t *testing.T) {
	dev := cpu(t)
	base := sampler.Request{Plan: plan(t, "ddim", 3, sampler.Params{}), Conds: guide(t, scale(1), scale(2), 2), Seed: 1}
	seed, scaled := base, base
	seed.Seed, scaled.Conds = 2, guide(t, scale(1), scale(2), 3)
	out, err := sampler.Run(t.Context(), dev, newFake(), []sampler.Request{base, base, seed, scaled})
	require.NoError(t, err)
	require.Equal(t, out[0], out[1])
	require.NotEqual(t, out[0], out[2])
	require.NotEqual(t, out[0], out[3])
}

// TestStepReports: stages, own steps and previews of rows of different length.
func TestStepReports(t *testing.T) {
	reqs := []sampler.Request{
		{Plan: plan(t, "heun", 2, sampler.Params{}), Conds: guide(t, nil, nil, 1)}, // 3 stages
		{Plan: plan(t, "ddim", 1, sampler.Params{}), Conds: guide(t, nil, nil, 1)},
	}
	var done [][2]int
	x, d := make([]float32, 6), make([]float32, 6)
	for s, err := range sampler.Steps(t.Context(), cpu(t), newFake(), reqs) {
		require.NoError(t, err)
		require.Equal(t, 3, s.Stages)
		a, total := s.Done(0)
		require.Equal(t, 2, total)
		b, total := s.Done(1)
		require.Equal(t, 1, total)
		done = append(done, [2]int{a, b})
		require.NoError(t, s.Latent(0, x))
		require.NoError(t, s.Denoised(0, d))
		if s.Stage == s.Stages {
			require.Equal(t, x, d, "the last step of heun to sigma 0 is the prediction")
		}
		n, total := s.Done(2)
		require.Zero(t, n+total)
		var e *sampler.RequestError
		require.ErrorAs(t, s.Latent(2, x), &e)
		require.ErrorAs(t, s.Latent(-1, x), &e)
		require.ErrorAs(t, s.Denoised(0, x[:5]), &e)
	}
	// The first stage of heun is half a step.
	require.Equal(t, [][2]int{{0, 1}, {1, 1}, {2, 1}}, done)
	require.ErrorIs(t, sampler.Step{}.Latent(0, x), sampler.ErrClosed)
	require.ErrorIs(t, sampler.Step{}.Denoised(0, x), sampler.ErrClosed)
}

// watched is a device that tells what became of its programs.
type watched struct {
	sampler.Device
	fail   error
	opened int
	closed int
}

type watchedProgram struct {
	sampler.Program
	dev *watched
}

func (w *watched) Program(n int, reqs []sampler.Request) (sampler.Program, error) {
	if w.fail != nil {
		return nil, w.fail
	}
	p, err := w.Device.Program(n, reqs)
	w.opened++
	return &watchedProgram{p, w}, err
}

func (p *watchedProgram) Close() error {
	p.dev.closed++
	return p.Program.Close()
}

// TestEndsCloseTheProgram: a failing network, a canceled context, a break and the natural end all free the
// device's memory once.
func TestEndsCloseTheProgram(t *testing.T) {
	boom := errors.New("boom")
	reqs := []sampler.Request{{Plan: plan(t, "ddim", 5, sampler.Params{}), Conds: guide(t, nil, nil, 1)}}
	dev := &watched{Device: cpu(t)}

	m := newFake()
	m.hook = func(call int) error {
		if call == 3 {
			return boom
		}
		return nil
	}
	out, err := sampler.Run(t.Context(), dev, m, reqs)
	require.ErrorIs(t, err, boom)
	require.Nil(t, out)
	require.Equal(t, 3, m.calls)
	require.Equal(t, 1, dev.closed)

	ctx, cancel := context.WithCancel(t.Context())
	m = newFake()
	m.hook = func(call int) error {
		if call == 2 {
			cancel() // during the second evaluation: that stage ends, no third begins
		}
		return nil
	}
	_, err = sampler.Run(ctx, dev, m, reqs)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 2, m.calls)
	require.Equal(t, 2, dev.closed)

	_, err = sampler.Run(ctx, dev, newFake(), reqs)
	require.ErrorIs(t, err, context.Canceled, "canceled before it began")

	m = newFake()
	for s, err := range sampler.Steps(t.Context(), dev, m, reqs) {
		require.NoError(t, err)
		if s.Stage == 2 {
			break
		}
	}
	require.Equal(t, 2, m.calls)
	_, err = sampler.Run(t.Context(), dev, newFake(), reqs)
	require.NoError(t, err)
	require.Equal(t, 5, dev.closed)
	require.Equal(t, 5, dev.opened)

	dev.fail = boom
	_, err = sampler.Run(t.Context(), dev, newFake(), reqs)
	require.ErrorIs(t, err, boom)
}
