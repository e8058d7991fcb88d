//go:build cuda

package cudnn

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWrongShapes: the library says which operation's operands do not fit each other.
func TestWrongShapes(t *testing.T) {
	lib := real(t)
	channels := convGraph(Float16, 2, 320, 320, 64, 3, 1)
	channels.Ops[0].(Conv).W.Dims[1] = 319
	size := convGraph(Float16, 2, 320, 320, 64, 3, 1)
	size.Ops[0].(Conv).Y.Dims[2] = 63
	inner := matmulGraph(Float16, 1, 4096, 320, 1280)
	inner.Ops[0].(Matmul).B.Dims[1] = 319
	head := sdpaGraph(Float16, 8, 4096, 4096, 64)
	head.Ops[0].(SDPA).K.Dims[3] = 32
	values := sdpaGraph(Float16, 8, 4096, 77, 64)
	values.Ops[0].(SDPA).V.Dims[2] = 76
	out := sdpaGraph(Float16, 8, 4096, 77, 64)
	out.Ops[0].(SDPA).O.Dims[2] = 4095
	pixels := resampleGraph(ResampleAverage, Float16, 2, 32, 64, 2)
	pixels.Ops[0].(Resample).Y.Dims[3] = 31
	for _, c := range []struct {
		name, op string
		graph    *Graph
	}{
		{"channels", "finalize convolution", channels},
		{"size", "finalize convolution", size},
		{"inner dimension", "finalize matmul", inner},
		{"head dimension", "finalize attention", head},
		{"values", "finalize attention", values},
		{"result", "finalize attention", out},
		{"pixels", "finalize resample", pixels},
	} {
		_, err := lib.Candidates(c.graph, target(t, 80), 1)
		require.ErrorIs(t, err, BadParam, c.name)
		var e *StatusError
		require.ErrorAs(t, err, &e, c.name)
		require.Equal(t, c.op, e.Op)
		require.Equal(t, c.graph.Name, e.Layer)
		require.NotEmpty(t, e.Message, c.name)
		t.Log(err)
	}
}

// TestNoPlan: what there is no engine for is told with its operands and the library's reasons.
func TestNoPlan(t *testing.T) {
	lib := real(t)
	for _, c := range []struct {
		graph *Graph
		arch  int
	}{
		{sdpaGraph(Float16, 8, 4096, 77, 64), 75}, {sdpaGraph(Float32, 8, 4096, 77, 64), 90},
		{attentionByParts(), 80}, {resampleGraph(ResampleNearest, Float16, 2, 32, 64, 2), 90}, {reductionGraph(), 80},
	} {
		_, err := lib.Candidates(c.graph, target(t, c.arch), 1)
		var none *NoPlanError
		require.ErrorAs(t, err, &none, c.graph.Name)
		require.NotErrorIs(t, err, BadParam)
		t.Log(err)
	}
}
