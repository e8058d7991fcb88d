//go:build cuda

package cudnn

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
)

// device opens a GPU, which may be an emulated one. Without, the test is skipped, which is a failure where
// CUDA_REQUIRED=1 says that there must be one.
func device(t *testing.T) (*cuda.Device, *cuda.Stream) {
	t.Helper()
	d, err := cuda.Open(0, cuda.Options{})
	if err != nil {
		if os.Getenv("CUDA_REQUIRED") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	s, err := d.NewStream()
	require.NoError(t, err)
	return d, s
}

// hostPages is memory that is no Go memory, for a library that computes nothing.
func hostPages(t *testing.T) []byte {
	t.Helper()
	b, err := syscall.Mmap(-1, 0, 4096, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(b)) })
	return b
}

// TestExecution: what an execution passes to the library, on a library that writes it down.
func TestExecution(t *testing.T) {
	d, stream := device(t)
	unloaded(t, compile(t, filepath.Join("testdata", "fake.c")))
	lib, err := Open()
	require.NoError(t, err)
	require.Equal(t, 91000, lib.Version())
	before := live()

	memory := hostPages(t)
	y := uint64(uintptr(unsafe.Pointer(&memory[0])))
	addresses := map[int64]uint64{1: 1 << 20, 2: 2 << 20, 3: 3 << 20, 5: y}
	require.NoError(t, d.Do(func() error {
		h, err := lib.NewHandle(d, stream)
		require.NoError(t, err)
		g := layerNormGraph(64, 320) // x, scale and bias are 1 to 3, epsilon 4, y 5
		plans, err := lib.Candidates(g, h.Target(), 3)
		require.NoError(t, err)
		require.Len(t, plans, 3, "of the two of each heuristic")
		p := plans[2]
		require.EqualValues(t, 64, p.Workspace())
		require.EqualValues(t, 7, p.Engine())

		x, err := p.Bind(addresses, 1<<21)
		require.NoError(t, err)
		require.NoError(t, x.Run(h))
		word := func(i int) uint64 { return binary.NativeEndian.Uint64(memory[8*i:]) }
		require.EqualValues(t, stream.Handle(), word(0))
		require.EqualValues(t, 1<<21, word(1))
		require.EqualValues(t, 5, word(2))
		require.Equal(t, float32(1e-5), math.Float32frombits(binary.NativeEndian.Uint32(memory[24:])))
		require.Zero(t, testing.AllocsPerRun(100, func() {
			if err := x.Run(h); err != nil {
				panic(err)
			}
		}))
		require.NoError(t, x.Close())

		x, err = p.Bind(addresses, 1<<21+16)
		require.NoError(t, err)
		err = x.Run(h)
		require.ErrorIs(t, err, ExecutionFailed)
		require.EqualError(t, err, "cudnn: layer norm: execute: CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER: "+
			"workspace at no multiple of 32")
		require.NoError(t, x.Close())

		text, err := p.JSON()
		require.NoError(t, err)
		again, err := lib.LoadPlan(g, h.Target(), text)
		require.NoError(t, err)
		require.EqualValues(t, 7, again.Engine())
		for _, p := range append(plans, again) {
			require.NoError(t, p.Close())
		}
		require.NoError(t, h.Close())
		require.NoError(t, h.Close())
		_, err = lib.Candidates(g, h.Target(), 1)
		require.ErrorIs(t, err, ErrClosed)
		_, err = lib.LoadPlan(g, Target{}, text)
		require.ErrorContains(t, err, "no target")
		return nil
	}))
	require.Equal(t, before, live())

	t.Setenv("FAKE_CREATE", "1")
	require.NoError(t, d.Do(func() error {
		_, err := lib.NewHandle(d, stream)
		require.ErrorIs(t, err, DeviceAllocationFailed)
		require.ErrorContains(t, err, "no memory for a handle")
		return nil
	}))
}
