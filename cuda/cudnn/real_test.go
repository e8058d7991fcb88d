//go:build cuda

package cudnn

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// real returns the pinned cuDNN, which builds plans here without a GPU. CUDIFFUSE_CUDNN_REAL is the folder that
// build/cudnn.sh prints.
func real(t *testing.T) *Library {
	t.Helper()
	dir := os.Getenv("CUDIFFUSE_CUDNN_REAL")
	if dir == "" {
		if os.Getenv("CUDNN_REQUIRED") != "" {
			t.Fatal("CUDIFFUSE_CUDNN_REAL is not set")
		}
		t.Skip("CUDIFFUSE_CUDNN_REAL does not name the pinned cuDNN; make test-cudnn sets it")
	}
	t.Setenv("CUDIFFUSE_LIBCUDNN", filepath.Join(dir, "cudnn", "lib", "libcudnn.so.9"))
	lib, err := Open()
	require.NoError(t, err)
	return lib
}

func target(t *testing.T, arch int) Target {
	t.Helper()
	x, err := TargetFor(arch)
	require.NoError(t, err)
	return x
}

// closePlans closes plans at the end of the test.
func closePlans(t *testing.T, plans []*Plan) {
	t.Cleanup(func() {
		for _, p := range plans {
			require.NoError(t, p.Close())
		}
	})
}

// TestCandidates: as many plans as are wanted, each with an engine of its own or other settings of one.
func TestCandidates(t *testing.T) {
	lib := real(t)
	before := live()
	plans, err := lib.Candidates(convGraph(Float16, 2, 320, 320, 64, 3, 1), target(t, 80), 40)
	require.NoError(t, err)
	require.Len(t, plans, 40)
	engines, fixed, varying := map[int64]bool{}, 0, 0
	for _, p := range plans {
		engines[p.Engine()] = true
		if p.Deterministic() {
			fixed++
		} else {
			varying++
		}
		require.NoError(t, p.Close())
	}
	t.Logf("%d engines; %d plans deterministic, %d not", len(engines), fixed, varying)
	require.Greater(t, len(engines), 3)
	require.Positive(t, fixed)
	require.Equal(t, before, live())
}
