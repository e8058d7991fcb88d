//go:build cuda && cgo && linux

package emu_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/internal/emu"
)

// loaded needs a process that runs on the emulated driver.
func loaded(t *testing.T) {
	t.Helper()
	_, err := cuda.Devices() // loads the driver
	if _, e := emu.Counters(); errors.Is(e, emu.ErrNotLoaded) && os.Getenv("CUDA_REQUIRED") != "1" {
		t.Skip("CUDIFFUSE_LIBCUDA does not name the emulated driver")
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, emu.Reset()) })
}

func TestControlCountsAndResets(t *testing.T) {
	loaded(t)
	require.NoError(t, emu.Reset())
	before, err := emu.Counters()
	require.NoError(t, err)
	require.Zero(t, before.Calls)
	require.Empty(t, before.Kernels)

	d, err := cuda.Open(0, cuda.Options{})
	require.NoError(t, err)
	b, err := d.Alloc(1000)
	require.NoError(t, err)
	require.NoError(t, d.Write(b, 0, make([]byte, 1000)))
	during, err := emu.Counters()
	require.NoError(t, err)
	require.Positive(t, during.Calls)
	require.EqualValues(t, 1000, during.H2DBytes)
	alive, err := emu.Leaks()
	require.NoError(t, err)
	require.GreaterOrEqual(t, alive.DeviceBytes, uint64(1000))
	require.EqualValues(t, 1, alive.Contexts)

	require.NoError(t, d.Close())
	left, err := emu.Leaks()
	require.NoError(t, err)
	require.Zero(t, left)
}

// TestControlNamesEverything: the driver tells nothing that CounterSet and LeakSet do not hold.
func TestControlNamesEverything(t *testing.T) {
	loaded(t)
	for command, into := range map[string]any{"counters": &emu.CounterSet{}, "leaks": &emu.LeakSet{}} {
		text, err := emu.Control(command)
		require.NoError(t, err)
		d := json.NewDecoder(strings.NewReader(text))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(into))
	}
}

func TestControlScriptsFaults(t *testing.T) {
	loaded(t)
	require.NoError(t, emu.Faults("context@1=46"))
	_, err := cuda.Open(0, cuda.Options{})
	require.Error(t, err)
	after, err := emu.Counters()
	require.NoError(t, err)
	require.EqualValues(t, 1, after.Faults)

	require.NoError(t, emu.Reset())
	d, err := cuda.Open(0, cuda.Options{})
	require.NoError(t, err)
	require.NoError(t, d.Close())
}

func TestControlRefusesNonsense(t *testing.T) {
	loaded(t)
	require.ErrorContains(t, emu.Faults("alloc@first=2"), "alloc@first=2")
	_, err := emu.Control("dance")
	require.ErrorContains(t, err, "unknown command")
}
