package works

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/gemm"
	"github.com/cudiffuse/cudiffuse/internal/race"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/bundled"
)

// TestWorks runs every work.
func TestWorks(t *testing.T) {
	all := All()
	seen, counted := map[string]bool{}, 0
	for _, w := range all {
		require.False(t, seen[w.ID()], "%s is twice in the list", w.ID())
		seen[w.ID()] = true
		require.Positive(t, w.FLOPs, w.ID())
		require.Positive(t, w.Bytes, w.ID())
		require.NotEmpty(t, w.Why, w.ID())
		if w.Counted > 0 {
			counted++
		}
		if w.Most > 0 {
			require.LessOrEqual(t, Warm+w.Counted, w.Most, w.ID())
		}
		if testing.Short() && w.FLOPs > 1e8 {
			continue
		}
		for _, threads := range []int{1, 2} {
			run, err := w.Open(threads)
			require.NoError(t, err, w.ID())
			runs := Warm + 1
			if w.FLOPs > 1e8 {
				runs = 1
			}
			for range runs {
				require.NoError(t, run.Do(), w.ID())
			}
			run.Close()
		}
	}
	require.Greater(t, counted, 10)
}

// TestWorksKeepNothing looks that a run allocates nothing, which would be counted too.
func TestWorksKeepNothing(t *testing.T) {
	if race.Enabled {
		t.Skip("sync.Pool drops entries under the race detector")
	}
	for _, w := range All() {
		if w.Counted == 0 {
			continue
		}
		run, err := w.Open(1)
		require.NoError(t, err, w.ID())
		require.NoError(t, run.Do())
		require.LessOrEqual(t, testing.AllocsPerRun(20, func() { _ = run.Do() }), 0.0, w.ID())
		run.Close()
	}
}

// TestBundledNumbers compares what is said of the bundled network with its graph.
func TestBundledNumbers(t *testing.T) {
	net, err := model.OpenUNet2DFS(bundled.FS(), bundled.Fashion)
	require.NoError(t, err)
	e, err := net.Compile(1, nil)
	require.NoError(t, err)
	shapes, err := net.Graph().Shapes(net.Height(), net.Width())
	require.NoError(t, err)
	saved := int64(0)
	for _, op := range net.Graph().Ops {
		if c, ok := op.(model.Conv2D); ok {
			s, x := gemm.ConvShape(c.Shape), shapes[c.X]
			saved += s.FLOPs(1, x.H, x.W) - s.MethodFLOPs(1, x.H, x.W)
		}
	}
	require.EqualValues(t, e.FLOPs(1), bundledDirect)
	require.EqualValues(t, e.FLOPs(1)-saved, bundledFLOPs)
	require.EqualValues(t, net.Weights().Bytes(), bundledBytes)
}
