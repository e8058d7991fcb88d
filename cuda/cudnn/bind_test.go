//go:build cuda

package cudnn

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestBind: the library takes an execution's addresses, which need no device before it runs.
func TestBind(t *testing.T) {
	lib := real(t)
	before := live()
	g := layerNormGraph(8192, 320) // x, scale and bias are 1 to 3, epsilon 4, y 5
	plans, err := lib.Candidates(g, target(t, 80), 1)
	require.NoError(t, err)
	p := plans[0]
	require.Positive(t, p.Workspace())
	memory := map[int64]uint64{1: 1 << 20, 2: 2 << 20, 3: 3 << 20, 5: 5 << 20}

	_, err = p.Bind(memory, 0)
	require.ErrorContains(t, err, "bytes of workspace")
	_, err = p.Bind(map[int64]uint64{1: 1 << 20}, 6<<20)
	var e *GraphError
	require.ErrorAs(t, err, &e)
	require.Equal(t, "scale", e.Tensor)

	x, err := p.Bind(memory, 6<<20)
	require.NoError(t, err)
	require.ErrorIs(t, x.Run(&Handle{}), ErrClosed)
	require.NoError(t, x.Close())
	require.NoError(t, x.Close())
	require.ErrorIs(t, x.Run(&Handle{}), ErrClosed)

	// Another layer of the same shape has its own numbers.
	other := layerNormGraph(8192, 320)
	for _, y := range other.tensors() {
		y.ID += 100
	}
	_, err = p.BindAs(other, memory, 6<<20)
	require.ErrorContains(t, err, "number 101 has no memory")
	x, err = p.BindAs(other, map[int64]uint64{101: 1 << 20, 102: 2 << 20, 103: 3 << 20, 105: 5 << 20}, 6<<20)
	require.NoError(t, err)
	require.NoError(t, x.Close())
	_, err = p.BindAs(layerNormGraph(4096, 320), memory, 6<<20)
	require.ErrorContains(t, err, "a plan of another graph")

	require.NoError(t, p.Close())
	_, err = p.Bind(memory, 6<<20)
	require.ErrorIs(t, err, ErrClosed)
	require.Equal(t, before, live())
}
