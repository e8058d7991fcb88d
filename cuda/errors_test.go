package cuda

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStickyCodes lists the codes after which cuda.h says that the process must be terminated or the
// context is unusable, and some that leave it usable.
func TestStickyCodes(t *testing.T) {
	for _, c := range []Code{IllegalAddress, LaunchTimeout, Assert, HardwareStackError, IllegalInstruction,
		MisalignedAddress, InvalidAddressSpace, InvalidPC, LaunchFailed, TensorMemoryLeak, Contained, ECCUncorrectable,
		NVLinkUncorrectable, ExternalDevice, 810} {
		require.True(t, c.Sticky(), "%v", c)
		require.True(t, c.Late(), "%v", c)
	}
	for _, c := range []Code{0, InvalidValue, OutOfMemory, NoDevice, InvalidHandle, NotReady, LaunchOutOfResources,
		CaptureInvalidated, NotSupported, InvalidPTX, 12345} {
		require.False(t, c.Sticky(), "%v", c)
		require.False(t, c.Late(), "%v", c)
	}
}

func TestErrorsMatchAndRead(t *testing.T) {
	lost := &Error{Op: "cuLaunchKernel", Detail: "fused_step", Err: IllegalAddress, Lost: true}
	full := &Error{Op: "Alloc", Err: &MemoryError{Requested: 10, InUse: 5, Cached: 1, Limit: 12}}
	for _, c := range []struct {
		err  error
		is   []error
		text string
	}{
		{lost, []error{IllegalAddress, ErrContextLost},
			"cuLaunchKernel (fused_step): CUDA error 700: illegal address; context lost: close the device"},
		{full, []error{OutOfMemory},
			"Alloc: out of memory: 10 bytes wanted, 5 in use, 1 cached, limit 12; free some, or ask for less"},
		{&Error{Op: "cuInit", Err: &DriverError{Found: 11020, Want: 11040}}, nil,
			"cuInit: the driver is for CUDA 11.2: want one for CUDA 11.4 or later; update the NVIDIA driver"},
		{Code(12345), nil, "CUDA error 12345"},
		{DeviceUnavailable, nil, "CUDA error 46: device unavailable: another process holds it exclusively"},
	} {
		require.Contains(t, c.err.Error(), c.text)
		for _, target := range c.is {
			require.ErrorIs(t, c.err, target)
		}
	}
	require.NotErrorIs(t, full, ErrContextLost)
	require.NotErrorIs(t, lost, OutOfMemory)
}

func TestUnavailableAndFailed(t *testing.T) {
	for _, err := range []error{ErrNotBuilt, ErrNoDriver, NoDevice, DeviceUnavailable, NoBinaryForGPU,
		&DriverError{11000, 11040}} {
		err = fmt.Errorf("device cuda:0: %w", &Error{Op: "Open", Err: err})
		require.True(t, Unavailable(err), "%v", err)
		require.True(t, Failed(err), "%v", err)
	}
	require.True(t, Unavailable(fmt.Errorf("x: %w", &Error{Op: "cuInit", Err: Unknown})), "whatever the driver says")
	for _, err := range []error{OutOfMemory, IllegalAddress, ErrTimeout, Unknown} {
		err = &Error{Op: "x", Err: err}
		require.False(t, Unavailable(err), "%v", err)
		require.True(t, Failed(err), "%v", err)
	}
	require.False(t, Failed(errors.New("disk full")))
	require.False(t, Failed(nil))
}

func TestArguments(t *testing.T) {
	require.EqualValues(t, 0x3f800000, F32(1))
	require.EqualValues(t, 0x3ff0000000000000, F64(1))
	require.EqualValues(t, 0xffffffff, I32(-1))
	require.EqualValues(t, uint64(0xffffffffffffffff), I64(-1))
}
