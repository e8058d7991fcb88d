package emu_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/emu"
)

// library builds the emulated driver. That takes a C++ compiler and minutes, so it is done where the
// GPU part must be tested: `make test-cuda` sets CUDA_REQUIRED=1.
func library(t *testing.T) string {
	t.Helper()
	if os.Getenv("CUDA_REQUIRED") != "1" {
		t.Skip("compiles the emulated driver: see make test-cuda")
	}
	path, err := emu.Build(t.Context())
	require.NoError(t, err)
	return path
}

func TestBuildOnceAMachine(t *testing.T) {
	path := library(t)
	first, err := os.Stat(path)
	require.NoError(t, err)
	again, err := emu.Build(t.Context())
	require.NoError(t, err)
	require.Equal(t, path, again)
	second, err := os.Stat(again)
	require.NoError(t, err)
	require.True(t, os.SameFile(first, second), "compiled again")
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	for _, e := range entries {
		require.NotContains(t, e.Name(), "build-", "a build left its files")
	}
}

func TestBuildWithoutCompiler(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv("CXX", "")
	_, err := emu.Build(t.Context())
	require.ErrorIs(t, err, emu.ErrNoCompiler)
}

func TestBuildReportsTheCompiler(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", dir)
	cxx := filepath.Join(dir, "cxx")
	script := "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\necho oh dear >&2\nexit 1\n"
	require.NoError(t, os.WriteFile(cxx, []byte(script), 0o755))
	t.Setenv("CXX", cxx)
	_, err := emu.Build(t.Context())
	require.ErrorContains(t, err, "oh dear")
	left, err := filepath.Glob(filepath.Join(dir, "cudiffuse", "emu-*", "*"))
	require.NoError(t, err)
	require.Empty(t, left, "a failed build left files")
}

func TestBuildStops(t *testing.T) {
	if _, err := emu.Compiler(); err != nil {
		t.Skip(err)
	}
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := emu.Build(ctx)
	require.ErrorIs(t, err, context.Canceled)
}
