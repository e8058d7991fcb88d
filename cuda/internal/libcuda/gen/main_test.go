package main

import (
	"os"
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
	text, err := os.ReadFile("../names.h")
	require.NoError(t, err)
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^ENTRY\(\d+, (\w+)\)$`).FindAllStringSubmatch(string(text), -1) {
		names = append(names, m[1])
	}
	require.True(t, slices.IsSorted(names))
	require.Equal(t, len(names), len(slices.Compact(slices.Clone(names))))
	require.Equal(t, render(names), string(text))
	for _, n := range strings.Fields("cuMemAlloc_v2 cuLaunchKernel cuStreamBeginCapture_v2 cuGraphLaunch cuCtxCreate_v2") {
		require.Contains(t, names, n)
	}
}
