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

func TestOnePlan(t *testing.T) {
	plans, err := real(t).Candidates(convGraph(Float16, 2, 320, 320, 64, 3, 1), target(t, 80), 3)
	require.NoError(t, err)
	closePlans(t, plans)
	require.Len(t, plans, 3)
	text, err := plans[0].JSON()
	require.NoError(t, err)
	t.Logf("engine %d workspace %d json %d", plans[0].Engine(), plans[0].Workspace(), len(text))
}
