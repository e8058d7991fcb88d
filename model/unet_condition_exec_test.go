package model

import (
	"context"
	"math"
	"testing"

	"github.com/cudiffuse/cudiffuse/internal/race"
	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/stretchr/testify/require"
)

// TestConditionFewerRows also leaves garbage in the arena between runs: nothing is read
// before it is written, and no two live tensors share memory.
func TestConditionFewerRows(t *testing.T) {
	for _, name := range conditionNames {
		u, _ := openCondition(t, name)
		size := Size{8, 4, 19}
		in := randomCondition(u, 4, size)
		pool := workers.New(2)
		defer pool.Close()
		ex, err := u.CompileSize(4, size, pool)
		require.NoError(t, err)
		at := ex.OutShape().Len()
		whole := make([]float32, 4*at)
		require.NoError(t, ex.Run(context.Background(), 4, in, whole))
		for _, rows := range [][]int{{3}, {2, 1, 0}, {0, 3}, {3, 2, 1, 0}} {
			for i := range ex.arena {
				ex.arena[i] = float32(math.NaN())
			}
			out := make([]float32, len(rows)*at)
			require.NoError(t, ex.Run(context.Background(), len(rows), rowsOf(in, 4, rows...), out))
			for i, r := range rows {
				sameBits(t, whole[r*at:(r+1)*at], out[i*at:(i+1)*at], "%s rows %v", name, rows)
			}
		}
	}
}

// TestConditionNoAllocation: a warm run allocates nothing.
func TestConditionNoAllocation(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	u, g := openCondition(t, "unet_lcm")
	pool := workers.New(2)
	defer pool.Close()
	ex, err := u.CompileSize(g.n, g.size, pool)
	require.NoError(t, err)
	out, ctx := make([]float32, len(g.want)), context.Background()
	for range 20 {
		require.NoError(t, ex.Run(ctx, g.n, g.in, out))
	}
	allocs := testing.AllocsPerRun(50, func() {
		if ex.Run(ctx, g.n, g.in, out) != nil {
			panic("run failed")
		}
	})
	require.Less(t, allocs, 1.0)
}

// TestConditionReal is the arithmetic of Stable Diffusion 1.5 at its own size: memory and
// work, without weights.
func TestConditionReal(t *testing.T) {
	u, err := buildCondition([]byte(`{"cross_attention_dim": 768, "sample_size": 64}`))
	require.NoError(t, err)
	shapes, err := u.Graph().ShapesAt(Size{64, 64, DefaultTokens})
	require.NoError(t, err)
	plan, err := planMemory(u.Graph(), shapes, 1, make([]int, len(u.Graph().Ops)))
	require.NoError(t, err)
	// At the peak, that of the first transformers: the operand of GEGLU and its result, the residual, and the
	// four results that the up path takes, 4096 pixels of 2560 + 1280 and 320 channels.
	require.GreaterOrEqual(t, plan.plan.Peak, int64(4*4096*(2560+1280+320)))
	require.Less(t, plan.plan.Peak, int64(96<<20))
	flops := int64(0)
	for _, op := range u.Graph().Ops {
		flops += opFLOPs(op, shapes)
	}
	require.InEpsilon(t, 803e9, flops, 0.01) // published: 400 G multiply-adds
	kinds := map[string]int{}
	for _, op := range u.Graph().Ops {
		kinds[op.Kind()]++
	}
	require.Equal(t, 32, kinds["Attention"]) // 16 transformers, two each
	require.Equal(t, 48, kinds["LayerNorm"])
	require.Equal(t, 16, kinds["GEGLU"])
	require.Equal(t, 3, kinds["UpsampleLike"])
	require.Equal(t, 1, kinds["SwapAxes"])
}
