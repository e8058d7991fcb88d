//go:build cuda

package libcuda_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
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
}

// TestEntryPointsStayHidden links this program so that it exports whatever is not hidden: a library that is loaded
// later, the driver itself among them, must not find its own names here.
func TestEntryPointsStayHidden(t *testing.T) {
	compiler, err := exec.LookPath("go")
	if err != nil {
		t.Skip("no Go to link with")
	}
	exe := filepath.Join(t.TempDir(), "exported.test")
	out, err := exec.Command(compiler, "test", "-c", "-tags", "cuda", "-ldflags=-extldflags=-rdynamic", "-o", exe,
		".").CombinedOutput()
	require.NoError(t, err, "%s", out)
	list, err := os.ReadFile("names.h")
	require.NoError(t, err)
	names := map[string]bool{"cuInit": true, "forward_table": true}
	for _, m := range regexp.MustCompile(`ENTRY\(\d+, (\w+)\)`).FindAllStringSubmatch(string(list), -1) {
		names[m[1]] = true
	}
	f, err := elf.Open(exe)
	require.NoError(t, err)
	defer f.Close()
	symbols, err := f.DynamicSymbols()
	require.NoError(t, err)
	exports := 0
	for _, s := range symbols {
		if s.Section == elf.SHN_UNDEF {
			continue
		}
		exports++
		require.False(t, names[s.Name], "%s is exported", s.Name)
	}
	require.Greater(t, exports, 50, "this link exports nothing, so it proves nothing")
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
