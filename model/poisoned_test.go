package model

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// runPoisoned evaluates n rows with a fresh executor whose memory is full of NaN.
func runPoisoned(t testing.TB, n int, in Inputs, threads int, compile func(pool *workers.Pool) (*Executor, error)) []float32 {
	t.Helper()
	pool := workers.New(threads)
	defer pool.Close()
	ex, err := compile(pool)
	require.NoError(t, err)
	for i := range ex.arena {
		ex.arena[i] = float32(math.NaN())
	}
	out := make([]float32, n*ex.OutShape().Len())
	require.NoError(t, ex.Run(t.Context(), n, in, out))
	return out
}

// sameInAnyBatch evaluates five rows: each has the same bits alone, in any batch, and with any number of threads. take
// appends a row to the inputs.
func sameInAnyBatch(t *testing.T, name string, take func(in *Inputs, row int),
	run func(n int, in Inputs, threads int) []float32) {
	t.Helper()
	const n = 5
	of := func(rows []int, threads int) []float32 {
		var in Inputs
		for _, r := range rows {
			take(&in, r)
		}
		return run(len(rows), in, threads)
	}
	all := []int{0, 1, 2, 3, 4}
	whole := of(all, 1)
	sameBits(t, whole, of(all, 3), "%s with 3 threads", name)
	at := len(whole) / n
	for _, rows := range [][]int{{0}, {4}, {3, 1, 3}} {
		got := of(rows, 2)
		for i, r := range rows {
			sameBits(t, whole[r*at:(r+1)*at], got[i*at:(i+1)*at], "%s rows %v", name, rows)
		}
	}
}
