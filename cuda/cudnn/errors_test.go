package cudnn

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStatusError: an error matches its status and the category of it, and no other.
func TestStatusError(t *testing.T) {
	err := error(&StatusError{Op: "finalize matmul", Layer: "mid.attn", Status: BadParamShapeMismatch, Message: "K"})
	require.EqualError(t, err, "cudnn: mid.attn: finalize matmul: CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH: K")
	require.ErrorIs(t, err, BadParamShapeMismatch)
	require.ErrorIs(t, err, BadParam)
	require.NotErrorIs(t, err, BadParamMisalignedPointer)
	require.NotErrorIs(t, err, NotSupported)
	require.NotErrorIs(t, &StatusError{Status: BadParam}, BadParamShapeMismatch)
	require.NotErrorIs(t, &StatusError{Status: SublibraryLoadingFailed}, NotInitialized)

	none := &NoPlanError{Graph: `"a": b`, Target: "sm_80", Tried: 2, Reasons: []error{err}}
	require.ErrorIs(t, none, BadParam)
	require.EqualError(t, none, `cudnn: no plan on sm_80 for "a": b; 2 engine configurations failed; `+err.Error())

	require.Equal(t, "CUDNN_STATUS_NOT_SUPPORTED (3999)", Status(3999).Error())
	require.Equal(t, "CUDNN_STATUS (77)", Status(77).Error())
	require.Equal(t, "a; b", oneLine("\na\n\nb\n"))
}

// TestTarget: a description has the names and, for the H100, the values of its published specification.
func TestTarget(t *testing.T) {
	for arch := range models {
		target, err := TargetFor(arch)
		require.NoError(t, err)
		require.True(t, json.Valid([]byte(target.properties)))
	}
	h100, err := TargetFor(90)
	require.NoError(t, err)
	require.Equal(t, "sm_90", h100.String())
	require.Equal(t, "no target", Target{}.String())
	require.JSONEq(t, `{"maxGridSize":[2147483647,65535,65535],"maxBlockSize":[1024,1024,64],"regsPerBlock":65536,
		"multiProcessorCount":132,"smCountOrigin":0,"warpSize":32,"maxSharedMemoryPerBlock":49152,
		"maxSharedMemoryPerBlockOptin":232448,"oversizedSharedMemoryPerBlock":0,"reservedSharedMemoryPerBlock":1024,
		"maxRegistersPerSM":65536,"maxCtasPerSM":32,"maxThreadsPerBlock":1024,"maxThreadsPerSM":2048,"pciDeviceId":0,
		"isTccDriver":0,"supportCoopLaunch":1,"totalGlobalMem":85029158912,"smClockRateKHz":1980000,
		"memClockRateKHz":2619000,"memoryBusWidth":5120,"l2CacheSize":52428800,"cudaDeviceId":0,"deviceVer":900,
		"driverVer":13000,"deviceName":"NVIDIA H100 80GB HBM3"}`, h100.properties)
	_, err = TargetFor(70)
	require.ErrorContains(t, err, "sm_70")
}

// TestAddresses: every operand is given memory, and only operands are.
func TestAddresses(t *testing.T) {
	g := sdpaGraph(Float16, 8, 64, 77, 40) // q, k, v, o are 1 to 4, the scale is 5
	operands := operandsOf(g)
	at, err := addresses("a", operands, map[int64]uint64{1: 256, 2: 512, 3: 768, 4: 1024, 77: 1})
	require.NoError(t, err)
	require.Equal(t, []uint64{256, 512, 768, 0, 1024}, at)
	for want, memory := range map[string]map[int64]uint64{
		"tensor v: number 3 has no memory":                {1: 256, 2: 512, 4: 1024},
		"tensor k: number 2 has no memory":                {1: 256, 2: 0, 3: 768, 4: 1024},
		"tensor o: its memory is not aligned to 16 bytes": {1: 256, 2: 512, 3: 768, 4: 1032},
		"tensor scale: a scalar is given memory":          {1: 256, 2: 512, 3: 768, 4: 1024, 5: 2048},
	} {
		_, err := addresses("a", operands, memory)
		var e *GraphError
		require.True(t, errors.As(err, &e))
		require.ErrorContains(t, err, want)
	}
}
