package model

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/race"
	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// values are copies of all parameters.
func values(w *Weights) [][]float32 {
	out := make([][]float32, len(w.data))
	for i := range out {
		w.Use(ParamID(i), func(v []float32) { out[i] = slices.Clone(v) })
	}
	return out
}

// packedAlone counts the parameters of which only the packed form is there.
func packedAlone(w *Weights) (n int) {
	for _, t := range w.data {
		if t.values == nil {
			n++
		}
	}
	return n
}

// TestWeightsPackInPlace: packing leaves one copy of what was loaded, which gives the same values; what
// somebody was given stays as it is.
func TestWeightsPackInPlace(t *testing.T) {
	for _, name := range conditionNames {
		u, _ := openCondition(t, name)
		w := u.Weights()
		before, lent := values(w), ParamID(-1)
		for _, op := range w.graph.Ops {
			if c, ok := op.(Conv2D); ok {
				lent = c.Weight
			}
		}
		mine := w.Param(lent)
		require.Zero(t, packedAlone(w))
		require.NoError(t, w.pack())
		require.Greater(t, packedAlone(w), len(w.data)/3)
		require.Equal(t, before[lent], mine, "lent before it was packed")
		require.Same(t, &mine[0], &w.Param(lent)[0])
		require.Equal(t, before, values(w))
		for i, v := range before {
			require.Equal(t, v, w.Param(ParamID(i)))
		}
		require.Nil(t, w.Param(NoParam))
		w.Use(NoParam, func(v []float32) { require.Nil(t, v) })
	}
}

// TestWeightsKeepTheCallers: NewWeights keeps slices that are the caller's.
func TestWeightsKeepTheCallers(t *testing.T) {
	u, _ := openCondition(t, conditionNames[0])
	data := values(u.Weights())
	w, err := NewWeights(u.Graph(), data)
	require.NoError(t, err)
	require.NoError(t, w.pack())
	require.Zero(t, packedAlone(w))
	require.Equal(t, values(u.Weights()), data)
}

// TestWeightsOfTwoGraphs: networks of the same tensors share what is packed, whichever is first, and
// several goroutines may ask.
func TestWeightsOfTwoGraphs(t *testing.T) {
	u, _ := openCondition(t, "unet_sd15")
	before := values(u.Weights())
	v, err := u.WithResiduals()
	require.NoError(t, err)
	var wg sync.WaitGroup
	for _, w := range []*Weights{u.Weights(), v.Weights(), u.Weights()} {
		wg.Go(func() {
			if err := w.pack(); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() { w.Use(0, func([]float32) {}) })
	}
	wg.Wait()
	require.Equal(t, before, values(v.Weights()))
	shared := 0
	for _, a := range u.Weights().convs {
		for _, b := range v.Weights().convs {
			if a == b {
				shared++
			}
		}
	}
	require.Len(t, u.Weights().convs, shared)
}

// TestLeanWeights: the network decides alone, and a lean one may share tensors with one that is not.
func TestLeanWeights(t *testing.T) {
	defer func(n int64) { leanBytes = n }(leanBytes)
	u, g := openCondition(t, "unet_wide")
	want := runCondition(t, u, g.n, g.size, g.in, 2)
	require.False(t, u.Weights().lean())
	v, err := u.WithResiduals()
	require.NoError(t, err)
	leanBytes = 1
	require.True(t, v.Weights().lean())
	require.NoError(t, v.Weights().pack())
	for _, a := range u.Weights().convs {
		for _, b := range v.Weights().convs {
			require.NotSame(t, a, b)
		}
	}
	lean, _ := openCondition(t, "unet_wide")
	sameBits(t, want, runCondition(t, lean, g.n, g.size, g.in, 2), "lean")
	require.Equal(t, want, runCondition(t, u, g.n, g.size, g.in, 2))
}

// TestLeanInvariance: with weights transformed in every run, in 49 tiles an image, a row has the same bits in
// any batch and on any number of threads, those of the weights that are kept; a run allocates nothing.
func TestLeanInvariance(t *testing.T) {
	const n = 3
	u, _ := openBundled(t)
	in := randomInputs(u, n)
	kept := run(t, u, n, in, 1)
	defer func(n int64) { leanBytes = n }(leanBytes)
	leanBytes = 1
	u, _ = openBundled(t)
	whole := run(t, u, n, in, 1)
	sameBits(t, kept, whole, "kept")
	sameBits(t, whole, run(t, u, n, in, 3), "3 threads")
	size := len(whole) / n
	for r := range n {
		sameBits(t, whole[r*size:(r+1)*size], run(t, u, 1, pick(u, in, r), 2), "row %d alone", r)
	}
	if race.Enabled {
		return
	}
	pool := workers.New(2)
	defer pool.Close()
	e, err := u.Compile(n, pool)
	require.NoError(t, err)
	once := func() { require.NoError(t, e.Run(t.Context(), n, in, whole)) }
	for range 10 { // every thread has its workspace
		once()
	}
	require.Less(t, testing.AllocsPerRun(50, once), 1.0)
}
