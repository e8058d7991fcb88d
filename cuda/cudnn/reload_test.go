//go:build cuda

package cudnn

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStoredPlan: a plan comes back from its JSON, for a graph of the same hash on the same target.
func TestStoredPlan(t *testing.T) {
	lib := real(t)
	before := live()
	for _, arch := range []int{75, 80, 90, 120} {
		for _, g := range []*Graph{convGraph(Float16, 2, 320, 320, 64, 3, 1), layerNormGraph(8192, 320), addSiLU(), matmulGELU()} {
			plans, err := lib.Candidates(g, target(t, arch), 1)
			require.NoError(t, err)
			text, err := plans[0].JSON()
			require.NoError(t, err)

			same := &Graph{Name: "another layer", Ops: g.Ops}
			again, err := lib.LoadPlan(same, target(t, arch), text)
			require.NoError(t, err)
			require.Equal(t, plans[0].Workspace(), again.Workspace())
			require.Equal(t, plans[0].Engine(), again.Engine())
			require.Equal(t, plans[0].Deterministic(), again.Deterministic())
			second, err := again.JSON()
			require.NoError(t, err)
			require.Equal(t, string(text), string(second))
			require.NoError(t, again.Close())
			require.NoError(t, plans[0].Close())
			require.NoError(t, plans[0].Close())
			_, err = plans[0].JSON()
			require.ErrorIs(t, err, ErrClosed)
		}
	}
	require.Equal(t, before, live())
}

// TestForeignPlan: the library itself refuses texts that are no plans of it.
func TestForeignPlan(t *testing.T) {
	lib := real(t)
	g, sm80 := convGraph(Float16, 2, 320, 320, 64, 3, 1), target(t, 80)
	plans, err := lib.Candidates(g, sm80, 1)
	require.NoError(t, err)
	closePlans(t, plans)
	good, err := plans[0].text()
	require.NoError(t, err)
	_, err = lib.LoadPlan(g, sm80, []byte(good))
	var damaged *PlanError
	require.ErrorAs(t, err, &damaged, "without what JSON puts around it")
	before := live()
	for _, text := range []string{"", "{", "{}", "[1]", "plan", good[:len(good)/2], strings.Repeat("[", 1000)} {
		_, err := lib.load(g, sm80, text, engine{})
		var e *StatusError
		require.ErrorAs(t, err, &e, "%.20q", text)
		require.Equal(t, "finalize stored plan", e.Op)
	}
	require.Equal(t, before, live())
}
