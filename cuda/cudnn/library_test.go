//go:build cuda

package cudnn

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// unloaded lets a test open another library; the entry points are its until the next Open.
func unloaded(t *testing.T, path string) {
	t.Helper()
	t.Setenv("CUDIFFUSE_LIBCUDNN", path)
	loadMutex.Lock()
	loaded = nil
	loadMutex.Unlock()
	t.Cleanup(func() { loaded = nil })
}

// compile builds a library from a C file.
func compile(t *testing.T, file string) string {
	t.Helper()
	compiler, err := exec.LookPath("cc")
	require.NoError(t, err, "cgo needs a C compiler")
	lib := filepath.Join(t.TempDir(), "libcudnn.so")
	out, err := exec.Command(compiler, "-shared", "-fPIC", "-o", lib, file).CombinedOutput()
	require.NoError(t, err, string(out))
	return lib
}

func TestNoLibrary(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "libcudnn.so.9")
	unloaded(t, missing)
	_, err := Open()
	require.ErrorIs(t, err, ErrNoLibrary)
	require.ErrorContains(t, err, missing)
	require.ErrorContains(t, err, "pip install nvidia-cudnn-cu13")
	require.ErrorContains(t, err, "CUDIFFUSE_LIBCUDNN")
	var e *LibraryError
	require.ErrorAs(t, err, &e)
	require.Equal(t, []string{missing}, e.Tried)

	// A file that is no library.
	require.NoError(t, os.WriteFile(missing, []byte("text"), 0o600))
	_, err = Open()
	require.ErrorIs(t, err, ErrNoLibrary)
}

// TestOtherLibraries: one that is too old says so although it lacks entry points, and one that is no cuDNN
// is none.
func TestOtherLibraries(t *testing.T) {
	build := func(source string) string {
		file := filepath.Join(t.TempDir(), "old.c")
		require.NoError(t, os.WriteFile(file, []byte(source), 0o600))
		return compile(t, file)
	}
	old := build("unsigned long cudnnGetVersion(void) { return 8907; }")
	unloaded(t, old)
	_, err := Open()
	var e *VersionError
	require.ErrorAs(t, err, &e)
	require.Equal(t, VersionError{Path: old, Found: 8907, Want: 90000}, *e)
	require.ErrorContains(t, err, "is cuDNN 8.9.7: want 9.0.0 or later")

	unloaded(t, build("int other;"))
	_, err = Open()
	require.ErrorIs(t, err, ErrNoLibrary)
	require.ErrorContains(t, err, "it has no cudnnGetVersion")
}

// TestStatusNames: the names are those that the library gives.
func TestStatusNames(t *testing.T) {
	lib := real(t)
	require.Equal(t, 92801, lib.Version())
	require.FileExists(t, lib.Path())
	for s := range names {
		require.Equal(t, libraryName(s), s.Error())
	}
	for s := Status(1); s < 6000; s++ {
		if _, ok := names[s]; !ok {
			require.NotContains(t, libraryName(s), "CUDNN_STATUS_N", "status %d has a name", int(s))
		}
	}
}

// TestManyGoroutines: a library builds plans for many goroutines at once, and leaves no descriptor behind.
func TestManyGoroutines(t *testing.T) {
	lib := real(t)
	before := live()
	sm80, sm90 := target(t, 80), target(t, 90)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			g := convGraph(Float16, 2, 320, 320, 64, 3, 1)
			if i%2 == 1 {
				g = sdpaGraph(Float32, 8, 4096, 77, 64)
			}
			for _, x := range []Target{sm80, sm90} {
				plans, err := lib.Candidates(g, x, 2)
				if i%2 == 1 {
					var none *NoPlanError
					if !errors.As(err, &none) {
						t.Errorf("%v", err)
					}
					continue
				}
				if err != nil || len(plans) != 2 {
					t.Errorf("%d plans: %v", len(plans), err)
				}
				for _, p := range plans {
					_ = p.Close()
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, before, live())
}
