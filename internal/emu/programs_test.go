package emu_test

import (
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/emu"
)

// compile links a C++ test program of src/test and returns its path.
func compile(t *testing.T, pattern string, more ...string) string {
	t.Helper()
	units, err := filepath.Glob(filepath.Join("src", "test", pattern))
	require.NoError(t, err)
	require.NotEmpty(t, units)
	program := filepath.Join(t.TempDir(), "program")
	args := append([]string{"-std=c++17", "-O1", "-Wall", "-Wextra", "-pthread", "-ffp-contract=off"},
		units...)
	cxx(t, append(append(args, more...), "-o", program)...)
	return program
}

func cxx(t *testing.T, args ...string) {
	t.Helper()
	compiler, err := emu.Compiler()
	require.NoError(t, err)
	out, err := exec.CommandContext(t.Context(), compiler, args...).CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// result is a line of a test program: "ok   Name" or "FAIL Name", what failed before it.
var result = regexp.MustCompile(`(?m)^(ok  |FAIL) (\w+)$`)

// TestDriver runs the tests of the driver's interface, each in a process of its own.
func TestDriver(t *testing.T) {
	path := library(t)
	runTests(t, compile(t, "driver_test*.cpp", path, "-Wl,-rpath,"+filepath.Dir(path)))
}

// runTests runs a test program and reports its tests.
func runTests(t *testing.T, program string) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), program).CombinedOutput()
	results := result.FindAllStringSubmatch(string(out), -1)
	require.NotEmpty(t, results, "%s", out)
	for _, r := range results {
		t.Run(r[2], func(t *testing.T) {
			if r[1] == "FAIL" {
				t.Errorf("%s", out)
			}
		})
	}
	require.NoError(t, err)
}

// TestInterpreter runs the tests of what the opcodes do and of what the interpreter traps.
func TestInterpreter(t *testing.T) {
	path := library(t)
	objects := filepath.Join(filepath.Dir(path), emu.ObjectsName)
	program := compile(t, "interp_test*.cpp", objects, "-ldl")
	out, err := exec.CommandContext(t.Context(), program).CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
}

// TestABI compares every entry point with its declaration in cuda.h, by compiling them together.
func TestABI(t *testing.T) {
	include := cudaHeaders()
	if include == "" {
		require.NotEqual(t, "1", os.Getenv("CUDA_REQUIRED"), "no cuda.h in CUDA_HOME or CGO_CFLAGS")
		t.Skip("no cuda.h in CUDA_HOME or CGO_CFLAGS")
	}
	if _, err := emu.Compiler(); err != nil {
		t.Skip(err)
	}
	units, err := filepath.Glob("src/driver*.cpp")
	require.NoError(t, err)
	require.NotEmpty(t, units)
	for _, unit := range units {
		// A conflicting declaration is only a warning to g++.
		cxx(t, "-std=c++17", "-fsyntax-only", "-Werror", "-DEMU_CHECK_ABI", "-I"+include, unit)
	}
}

// cudaHeaders is the folder of NVIDIA's cuda.h, empty when there is none.
func cudaHeaders() string {
	folders := []string{filepath.Join(os.Getenv("CUDA_HOME"), "include")}
	for _, flag := range strings.Fields(os.Getenv("CGO_CFLAGS")) {
		// The module's own cuda.h only corrects the real one.
		if folder, ok := strings.CutPrefix(flag, "-I"); ok && !strings.HasSuffix(folder, "internal/include") {
			folders = append(folders, folder)
		}
	}
	for _, folder := range folders {
		if _, err := os.Stat(filepath.Join(folder, "cuda.h")); err == nil {
			return folder
		}
	}
	return ""
}

// TestExports compares the library's symbols with the names that a program with CUDA looks up.
func TestExports(t *testing.T) {
	lib, err := elf.Open(library(t))
	require.NoError(t, err)
	defer lib.Close()
	names, err := os.ReadFile("../../cuda/internal/libcuda/names.h")
	require.NoError(t, err)
	symbols, err := lib.DynamicSymbols()
	require.NoError(t, err)
	exported := map[string]bool{}
	for _, s := range symbols {
		if s.Section == elf.SHN_UNDEF || elf.ST_TYPE(s.Info) != elf.STT_FUNC {
			continue
		}
		exported[s.Name] = true
		// Programs define cuInit themselves: it loads the library. Weak symbols are the C++ library's.
		own := s.Name == "cudiffuse_emu" || s.Name == "cuInit" || strings.HasPrefix(s.Name, "cudnn")
		if !own && elf.ST_BIND(s.Info) == elf.STB_GLOBAL {
			require.True(t, strings.Contains(string(names), ", "+s.Name+")"),
				"nobody looks up %s", s.Name)
		}
	}
	for _, name := range strings.Fields(wanted + cudnnWanted) {
		require.True(t, exported[name], "%s is missing", name)
	}
}

// wanted are the entry points that programs may count on.
const wanted = `cudiffuse_emu cuInit cuDriverGetVersion cuGetErrorName cuGetErrorString
cuDeviceGet cuDeviceGetCount cuDeviceGetName cuDeviceGetAttribute cuDeviceTotalMem_v2
cuDeviceGetUuid_v2 cuDeviceComputeCapability cuDeviceGetPCIBusId
cuDevicePrimaryCtxRetain cuDevicePrimaryCtxRelease cuDevicePrimaryCtxRelease_v2
cuDevicePrimaryCtxGetState cuDevicePrimaryCtxSetFlags_v2 cuDevicePrimaryCtxReset_v2
cuCtxSetCurrent cuCtxGetCurrent cuCtxPushCurrent_v2 cuCtxPopCurrent_v2 cuCtxGetDevice
cuCtxSynchronize cuCtxGetApiVersion cuCtxSetLimit cuCtxGetLimit cuCtxGetStreamPriorityRange
cuMemAlloc_v2 cuMemFree_v2 cuMemGetInfo_v2 cuMemAllocHost_v2 cuMemHostAlloc cuMemFreeHost
cuMemHostGetDevicePointer_v2 cuMemGetAddressRange_v2 cuPointerGetAttribute
cuMemcpy cuMemcpyAsync cuMemcpyHtoD_v2 cuMemcpyDtoH_v2 cuMemcpyDtoD_v2
cuMemcpyHtoDAsync_v2 cuMemcpyDtoHAsync_v2 cuMemcpyDtoDAsync_v2
cuMemsetD8_v2 cuMemsetD16_v2 cuMemsetD32_v2 cuMemsetD8Async cuMemsetD16Async cuMemsetD32Async
cuStreamCreate cuStreamCreateWithPriority cuStreamDestroy_v2 cuStreamSynchronize cuStreamQuery
cuStreamWaitEvent cuStreamGetCtx cuStreamBeginCapture_v2 cuStreamEndCapture cuStreamIsCapturing
cuStreamGetCaptureInfo_v2 cuStreamAddCallback cuLaunchHostFunc
cuEventCreate cuEventDestroy_v2 cuEventRecord cuEventQuery cuEventSynchronize
cuEventElapsedTime cuEventElapsedTime_v2
cuModuleLoadData cuModuleLoadDataEx cuModuleUnload cuModuleGetFunction cuModuleGetGlobal_v2
cuFuncGetAttribute cuFuncSetAttribute cuFuncSetCacheConfig
cuOccupancyMaxActiveBlocksPerMultiprocessor cuLaunchKernel
cuGraphCreate cuGraphDestroy cuGraphInstantiate cuGraphInstantiate_v2 cuGraphInstantiateWithFlags
cuGraphInstantiateWithParams cuGraphLaunch cuGraphExecDestroy cuGraphGetNodes cuGraphUpload
cuGraphExecUpdate_v2`
