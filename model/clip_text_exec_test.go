package model

import (
	"context"
	"math"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/race"
	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/stretchr/testify/require"
)

// TestCLIPExecutor: a warm run allocates nothing, reads nothing that it has not written,
// and runs fewer rows than it was compiled for.
func TestCLIPExecutor(t *testing.T) {
	c, g := openCLIP(t, "clip_text_proj")
	pool := workers.New(2)
	defer pool.Close()
	ex, err := c.CompileTokens(3, 77, pool)
	require.NoError(t, err)
	in := Inputs{TokenIndex: []int64{7, 7}}
	for _, row := range g.ids {
		for _, id := range row {
			in.TokenIDs = append(in.TokenIDs, int64(id))
		}
	}
	for i := range ex.arena {
		ex.arena[i] = float32(math.NaN())
	}
	outs := [][]float32{make([]float32, len(g.last)), make([]float32, len(g.pooled))}
	ctx := context.Background()
	require.NoError(t, ex.RunAll(ctx, 2, in, outs))
	require.LessOrEqual(t, max(maxDiff(g.last, outs[0]), maxDiff(g.pooled, outs[1])), clipBound)
	if race.Enabled {
		return // the race detector allocates
	}
	for range 20 {
		require.NoError(t, ex.RunAll(ctx, 2, in, outs))
	}
	allocs := testing.AllocsPerRun(50, func() {
		if ex.RunAll(ctx, 2, in, outs) != nil {
			panic("run failed")
		}
	})
	require.Less(t, allocs, 1.0)
}

// TestExecutorOutputs: a tensor is one output only.
func TestExecutorOutputs(t *testing.T) {
	c, _ := openCLIP(t, "clip_text")
	g := *c.Graph()
	g.Outputs = []TensorID{g.Outputs[0], g.Outputs[0]}
	w, err := bindWeights(&g, c.Weights().data)
	require.NoError(t, err)
	_, err = NewExecutorAt(&g, w, 1, Size{1, 1, 7}, nil)
	var e *GraphError
	require.ErrorAs(t, err, &e)
}
