package emu_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestCudnn runs the tests of the emulated cuDNN, each in a process of its own.
func TestCudnn(t *testing.T) {
	path := library(t)
	frame := []string{filepath.Join("src", "test", "driver_test.cpp"), path, "-Wl,-rpath," + filepath.Dir(path)}
	runTests(t, compile(t, "cudnn_test*.cpp", frame...))
}

// TestCudnnABI compares constants and entry points with cuDNN's own header, by compiling them together.
// CUDIFFUSE_CUDNN_INCLUDE is the header's folder.
func TestCudnnABI(t *testing.T) {
	include, cuda := os.Getenv("CUDIFFUSE_CUDNN_INCLUDE"), cudaHeaders()
	if include == "" || cuda == "" {
		require.Empty(t, os.Getenv("CUDNN_REQUIRED"))
		t.Skip("CUDIFFUSE_CUDNN_INCLUDE does not name cuDNN's headers, or there is no cuda.h")
	}
	units, err := filepath.Glob("src/cudnn*.cpp")
	require.NoError(t, err)
	require.NotEmpty(t, units)
	for _, unit := range units {
		cxx(t, "-std=c++17", "-fsyntax-only", "-Werror", "-Wno-deprecated-declarations", "-DEMU_CHECK_ABI",
			"-DEMU_CHECK_CUDNN", "-I"+cuda, "-I"+include, unit)
	}
}

// cudnnWanted are the entry points of cuDNN that programs may count on.
const cudnnWanted = ` cudnnGetVersion cudnnGetCudartVersion cudnnGetErrorString cudnnGetLastErrorString
cudnnCreate cudnnDestroy cudnnSetStream cudnnGetStream cudnnBackendCreateDescriptor
cudnnBackendDestroyDescriptor cudnnBackendInitialize cudnnBackendSetAttribute
cudnnBackendGetAttribute cudnnBackendFinalize cudnnBackendExecute`
