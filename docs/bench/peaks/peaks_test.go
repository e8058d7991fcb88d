package main

import (
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/gemm"
	"github.com/cudiffuse/cudiffuse/internal/peak"
	"github.com/cudiffuse/cudiffuse/internal/works"
)

// fake is a result in which every work takes a millisecond a thread and has the share.
func fake(share float64) result {
	r := result{Level: "avx2", FLOPs: [2]float64{100e9, 200e9}}
	for _, w := range works.All() {
		row := measured{ID: w.ID(), Seconds: [2]float64{1e-3, 1e-3}, Share: [2]float64{share, share}, Moving: [2]bool{true, false}}
		if w.Single {
			row.Seconds[1] = 0
		}
		r.Rows = append(r.Rows, row)
	}
	return r
}

// TestTable: every work has a row, and each that is below 80 % a reason.
func TestTable(t *testing.T) {
	text := format("a processor", []result{fake(0.79)})
	for _, w := range works.All() {
		require.Contains(t, text, "| "+w.Name+" | "+w.Size+" |")
		require.Contains(t, text, w.Why)
	}
	require.Contains(t, text, "| GEMM | 64x512x512 | 33.6 | 1.31 | copy, arithmetic | 1000.0 | 79 % |  | 1000.0 | 79 % |  |")
	require.Contains(t, text, "| normals | 16384 | 0.426 | 0.0655 | copy | 1000.0 | 79 % |  | | | |")
	require.Contains(t, text, "| bundled network | batch 1 | 217 | 11 | copy, arithmetic | 1000.0 | 79 % | 582 % |", "0.58 GFLOP")
	require.Contains(t, text, "- **GEMM 1x512x512**: ")
	require.Equal(t, 1, strings.Count(text, "- **LayerNorm**: "))
	require.NotContains(t, format("a processor", []result{fake(0.8)}), "## Below")
}

// TestRunner opens a work of few runs again before they are over.
func TestRunner(t *testing.T) {
	opened, left := 0, 0
	w := works.Work{Most: 10, Open: func(int) (*works.Run, error) {
		opened++
		left = 10
		return &works.Run{Close: func() { left = 0 }, Do: func() error {
			if left == 0 {
				return errors.New("over")
			}
			left--
			return nil
		}}, nil
	}}
	r := runner{work: w, threads: 1}
	runs, err := r.calibrate()
	require.NoError(t, err)
	require.Equal(t, 10-works.Warm, runs)
	for range 5 {
		_, err := r.time(runs)
		require.NoError(t, err)
	}
	require.GreaterOrEqual(t, opened, 6)
	_, err = r.time(runs + 1)
	require.Error(t, err, "more than there are")
	r.close()
	require.Zero(t, left)
}

// TestMeasure measures the loop of the peak as if it were a kernel: it has about the whole of it, and half where it says
// that it did half of what it does. The limits leave room for others.
func TestMeasure(t *testing.T) {
	if testing.Short() {
		t.Skip("a measurement")
	}
	loops, err := peak.Of(gemm.Implementation())
	if err != nil {
		t.Skip(err)
	}
	const turns = 1 << 14
	work := func(part int64) works.Work {
		return works.Work{FLOPs: loops.FMA(turns) / part, Bytes: 1024, Open: func(int) (*works.Run, error) {
			return &works.Run{Close: func() {}, Do: func() error { loops.FMA(turns); return nil }}, nil
		}}
	}
	m := newMachine(loops, 1)
	defer m.close()
	require.Greater(t, m.copy(32<<10), 1e8)
	var whole, half best
	for range 20 { // on a machine that others use too
		whole, err = m.measure(work(1))
		require.NoError(t, err)
		half, err = m.measure(work(2))
		require.NoError(t, err)
		if w, h := whole.share(work(1)), half.share(work(2)); math.Abs(w-1) < 0.3 && math.Abs(h-0.5) < 0.15 {
			require.False(t, whole.moving(work(1)))
			return
		}
	}
	require.Fail(t, "shares", "%v of the whole, %v of the half", whole.share(work(1)), half.share(work(2)))
}
