package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEntryPoints(t *testing.T) {
	const header = `
#define cuMemAlloc          cuMemAlloc_v2
    #define cuMemsetD8Async __CUDA_API_PTSZ(cuMemsetD8Async)
#define CU_STREAM_LEGACY    ((CUstream)0x1)
CUresult CUDAAPI cuInit(unsigned int Flags);
CUresult CUDAAPI
    cuMemAlloc(CUdeviceptr *dptr, size_t bytesize);
typedef void (CUDA_CB *CUhostFn)(void *userData);
`
	got := entryPoints(header)
	slices.Sort(got)
	require.Equal(t, []string{"cuMemAlloc", "cuMemAlloc_v2", "cuMemsetD8Async"}, slices.Compact(got))
}

func TestRunRefuses(t *testing.T) {
	require.ErrorContains(t, run(nil, nil), "usage")
	require.ErrorIs(t, run([]string{"no such file"}, nil), os.ErrNotExist)
}

// TestCommitted holds the committed list to the form that the assembler and the loader rely on: sorted, no name twice,
// indices without gaps, and the entry points that this module calls among them.
func TestCommitted(t *testing.T) {
	names, text := committed(t)
	require.True(t, slices.IsSorted(names))
	require.Equal(t, len(names), len(slices.Compact(slices.Clone(names))))
	require.Equal(t, render(names), text)
	for _, n := range strings.Fields("cuMemAlloc_v2 cuLaunchKernel cuStreamBeginCapture_v2 cuGraphLaunch cuCtxCreate_v2") {
		require.Contains(t, names, n)
	}
}

// committed returns the names in names.h, and its text.
func committed(t *testing.T) ([]string, string) {
	t.Helper()
	text, err := os.ReadFile("../names.h")
	require.NoError(t, err)
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^ENTRY\(\d+, (\w+)\)$`).FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[1])
	}
	return names, string(text)
}

// TestRegenerate runs the generator on the headers of this machine. Those of all versions named in the command's
// comment, in CUDIFFUSE_CUDA_HEADERS, must give the committed list; those that programs are built with here must bring no
// name that the list lacks.
func TestRegenerate(t *testing.T) {
	names, text := committed(t)
	if list := os.Getenv("CUDIFFUSE_CUDA_HEADERS"); list != "" {
		var out bytes.Buffer
		require.NoError(t, run(filepath.SplitList(list), &out))
		require.Equal(t, text, out.String())
	}
	header := builtWith()
	if header == "" {
		t.Skip("no CUDA header in CGO_CFLAGS: see cuda/env.sh")
	}
	source, err := os.ReadFile(header)
	require.NoError(t, err)
	found := entryPoints(string(source))
	require.Greater(t, len(found), 300, "%s", header)
	for _, n := range found {
		require.True(t, slices.Contains(names, n), "%s: names.h was made from older headers than %s", n, header)
	}
}

// builtWith returns the cuda.h that cgo finds, "" if there is none. The first one on the path is this module's own,
// which declares next to nothing.
func builtWith() string {
	for _, m := range regexp.MustCompile(`'-I([^']+)'|-I(\S+)`).FindAllStringSubmatch(os.Getenv("CGO_CFLAGS"), -1) {
		header := filepath.Join(m[1]+m[2], "cuda.h")
		if _, err := os.Stat(header); err == nil && !strings.Contains(header, "cuda/internal/include") {
			return header
		}
	}
	return ""
}
