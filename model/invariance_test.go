package model

import (
	"context"
	"math"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/race"
	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/stretchr/testify/require"
)

// sameBits fails unless a and b are equal bit for bit.
func sameBits(t testing.TB, a, b []float32, format string, args ...any) {
	t.Helper()
	require.Len(t, b, len(a))
	for i := range a {
		if math.Float32bits(a[i]) != math.Float32bits(b[i]) {
			require.Failf(t, "bits differ", "element %d: %g and %g; "+format,
				append([]any{i, a[i], b[i]}, args...)...)
		}
	}
}

// pick returns the given rows of in.
func pick(u *UNet2D, in Inputs, rows ...int) Inputs {
	var out Inputs
	size := u.Channels() * u.Height() * u.Width()
	for _, r := range rows {
		out.Sample = append(out.Sample, in.Sample[r*size:(r+1)*size]...)
		out.Timestep = append(out.Timestep, in.Timestep[r])
		if in.Class != nil {
			out.Class = append(out.Class, in.Class[r])
		}
		if in.ClassEmbedding != nil {
			d := u.Config().TimeEmbeddingDim
			out.ClassEmbedding = append(out.ClassEmbedding, in.ClassEmbedding[r*d:(r+1)*d]...)
		}
	}
	return out
}

// TestBatchAndThreadInvariance: a row has the same bits alone, at any place of any
// batch, in an executor made for more rows, and with any number of threads.
func TestBatchAndThreadInvariance(t *testing.T) {
	names := append([]string{"bundled"}, goldenNames...)
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			var u *UNet2D
			if name == "bundled" {
				u, _ = openBundled(t)
			} else {
				u, _ = openGolden(t, name)
			}
			const n = 7
			in := randomInputs(u, n)
			for i := range in.Timestep {
				in.Timestep[i]++ // score-SDE divides by the time
			}
			whole := run(t, u, n, in, 1)
			size := len(whole) / n
			for _, threads := range []int{2, 3, 8} {
				sameBits(t, whole, run(t, u, n, in, threads), "%d threads", threads)
			}
			for r := range n {
				sameBits(t, whole[r*size:(r+1)*size], run(t, u, 1, pick(u, in, r), 2), "row %d alone", r)
			}
			swapped := run(t, u, 3, pick(u, in, 5, 0, 5), 2)
			sameBits(t, whole[5*size:6*size], swapped[:size], "row 5 first")
			sameBits(t, whole[:size], swapped[size:2*size], "row 0 second")
			sameBits(t, whole[5*size:6*size], swapped[2*size:], "row 5 third")
		})
	}
}

// TestFewerRowsThanCompiled also leaves garbage in the arena between runs.
func TestFewerRowsThanCompiled(t *testing.T) {
	u, _ := openGolden(t, "unet2d_class")
	in := randomInputs(u, 5)
	pool := workers.New(2)
	defer pool.Close()
	ex, err := u.Compile(5, pool)
	require.NoError(t, err)
	size := ex.OutShape().Len()
	whole := make([]float32, 5*size)
	require.NoError(t, ex.Run(context.Background(), 5, in, whole))
	for _, n := range []int{1, 4, 2, 5} {
		for i := range ex.arena {
			ex.arena[i] = float32(math.NaN())
		}
		out := make([]float32, n*size)
		rows := []int{4, 3, 2, 1, 0}[:n]
		require.NoError(t, ex.Run(context.Background(), n, pick(u, in, rows...), out))
		for i, r := range rows {
			sameBits(t, whole[r*size:(r+1)*size], out[i*size:(i+1)*size], "n %d row %d", n, r)
		}
	}
}

// TestNoAllocation: a warm run allocates nothing.
func TestNoAllocation(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	for _, threads := range []int{1, 2} {
		u, _ := openGolden(t, "unet2d_class")
		pool := workers.New(threads)
		defer pool.Close()
		ex, err := u.Compile(3, pool)
		require.NoError(t, err)
		in, out := randomInputs(u, 3), make([]float32, 3*ex.OutShape().Len())
		ctx := context.Background()
		for range 20 {
			require.NoError(t, ex.Run(ctx, 3, in, out))
		}
		allocs := testing.AllocsPerRun(50, func() {
			if ex.Run(ctx, 3, in, out) != nil {
				panic("run failed")
			}
		})
		require.Less(t, allocs, 1.0, "%d threads", threads)
	}
}

// countdown is a context that is cancelled after its Err was asked a number of times.
type countdown struct {
	context.Context
	left int
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestCancel: the context is looked at before every operation, and after a cancelled
// run the executor can be used again.
func TestCancel(t *testing.T) {
	u, g := openGolden(t, "unet2d_scoresde")
	ex, err := u.Compile(g.n, nil)
	require.NoError(t, err)
	out := make([]float32, len(g.want))
	ops := len(ex.fused.Ops)
	for _, k := range []int{0, 1, ops / 2, ops - 1} {
		ctx := &countdown{context.Background(), k}
		require.ErrorIs(t, ex.Run(ctx, g.n, g.in, out), context.Canceled)
		require.Equal(t, -1, ctx.left)
	}
	require.NoError(t, ex.Run(&countdown{context.Background(), ops}, g.n, g.in, out))
	require.Less(t, maxDiff(g.want, out), 1e-5)
}

// TestConcurrentExecutors share one network.
func TestConcurrentExecutors(t *testing.T) {
	u, g := openGolden(t, "unet2d_adm")
	pool := workers.New(2)
	defer pool.Close()
	results := make(chan float64, 4)
	for range 4 {
		go func() {
			ex, err := u.Compile(g.n, pool)
			if err != nil {
				results <- math.Inf(1)
				return
			}
			out := make([]float32, len(g.want))
			for range 3 {
				if ex.Run(context.Background(), g.n, g.in, out) != nil {
					results <- math.Inf(1)
					return
				}
			}
			results <- maxDiff(g.want, out)
		}()
	}
	for range 4 {
		require.Less(t, <-results, 1e-5)
	}
}

// TestInputErrors: wrong arguments are refused before anything runs.
func TestInputErrors(t *testing.T) {
	u, g := openGolden(t, "unet2d_class")
	ex, err := u.Compile(g.n, nil)
	require.NoError(t, err)
	out := make([]float32, len(g.want))
	bad := func(name string, n int, in Inputs, out []float32) {
		var e *InputError
		require.ErrorAs(t, ex.Run(context.Background(), n, in, out), &e, name)
		require.Equal(t, name, e.Input)
	}
	require.NoError(t, ex.Run(context.Background(), g.n, g.in, out))
	bad("n", 0, g.in, out)
	bad("n", -1, g.in, out)
	bad("n", g.n+1, g.in, out)
	bad("out", g.n, g.in, out[1:])
	var none context.Context // a caller's mistake that must not panic
	require.Error(t, ex.Run(none, g.n, g.in, out))
	change := func(f func(in *Inputs)) Inputs { in := g.in; f(&in); return in }
	bad("Sample", g.n, change(func(in *Inputs) { in.Sample = in.Sample[1:] }), out)
	bad("Timestep", g.n, change(func(in *Inputs) { in.Timestep = nil }), out)
	bad("Class", g.n, change(func(in *Inputs) { in.Class = nil }), out)
	bad("Class", g.n, change(func(in *Inputs) { in.Class = []int64{0, 11} }), out)
	bad("Class", g.n, change(func(in *Inputs) { in.Class = []int64{-1, 0} }), out)
	bad("ClassEmbedding", g.n, change(func(in *Inputs) { in.ClassEmbedding = []float32{1} }), out)
}
