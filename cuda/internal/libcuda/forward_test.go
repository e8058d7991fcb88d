//go:build cuda

package libcuda_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"gorgonia.org/cu"

	"github.com/cudiffuse/cudiffuse/cuda/internal/libcuda"
)

// TestProgramNeedsNoDriver reads what the dynamic loader wants for this very program.
func TestProgramNeedsNoDriver(t *testing.T) {
	exe, err := os.Executable()
	require.NoError(t, err)
	f, err := elf.Open(exe)
	require.NoError(t, err)
	defer f.Close()
	libs, err := f.ImportedLibraries()
	require.NoError(t, err)
	require.NotEmpty(t, libs, "a cgo program needs libc at least")
	for _, lib := range libs {
		require.NotContains(t, lib, "libcuda")
	}
	// The entry points must not be visible to libraries loaded later.
	dyn, err := f.DynamicSymbols()
	require.NoError(t, err)
	for _, s := range dyn {
		require.False(t, strings.HasPrefix(s.Name, "cuInit"), "%s is exported", s.Name)
	}
}

// TestWithoutDriver runs this program again with a driver that does not exist, and one that is not a driver.
func TestWithoutDriver(t *testing.T) {
	if want := os.Getenv("LIBCUDA_TEST_REASON"); want != "" {
		code, _, reason := libcuda.Status()
		require.Equal(t, 100, code)
		require.Contains(t, reason, want)
		n, err := cu.NumDevices()
		require.NoError(t, err)
		require.Zero(t, n)
		_, err = cu.MemAlloc(256)
		require.Equal(t, cu.NoDevice, err)
		return
	}
	for lib, reason := range map[string]string{
		"/nonexistent/libcuda.so.1": "cannot open shared object file",
		"libm.so.6":                 "it has no cuInit",
	} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestWithoutDriver$", "-test.v")
		cmd.Env = append(os.Environ(), "CUDIFFUSE_LIBCUDA="+lib, "LIBCUDA_TEST_REASON="+reason)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		require.Contains(t, string(out), "PASS: TestWithoutDriver")
	}
}
