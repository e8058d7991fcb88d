package cuda

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNoDriver is returned when the machine has no CUDA driver.
	ErrNoDriver = errors.New("no CUDA driver: install the NVIDIA driver, or use the CPU")
	// ErrNotBuilt is returned by everything in this package when the program was built without the tag cuda.
	ErrNotBuilt = errors.New("built without CUDA support: build with -tags cuda")
	// ErrClosed is returned by calls on a device, stream, buffer, event, module or graph that was closed.
	ErrClosed = errors.New("closed")
	// ErrContextLost is matched by the first sticky failure of a device (see [Code.Sticky]) and by every call after it.
	ErrContextLost = errors.New("context lost: close the device and open it again, or else start again")
	// ErrWrongDevice is returned when a handle is used on another device than its own.
	ErrWrongDevice = errors.New("handle belongs to another device")
	// ErrCapturing is returned by calls that cannot be part of a graph while their stream is captured.
	ErrCapturing = errors.New("not possible while the stream is captured")
	// ErrTimeout is returned when a device did not finish within [Options.SyncTimeout]. The device is lost then.
	ErrTimeout = errors.New("the device did not finish in time")
)

// Error is a failed driver call, or a call refused before it reached the driver.
type Error struct {
	Op     string // the C entry point, e.g. "cuLaunchKernel", or the Go call that refused
	Detail string // kernel name, sizes, device; no host addresses
	Err    error  // a Code, a *MemoryError or one of this package's sentinel errors

	// Lost is set when the context is lost: by this failure, or by an earlier one that Err then holds.
	Lost bool
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Detail != "" {
		fmt.Fprintf(&b, " (%s)", e.Detail)
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	if e.Lost {
		fmt.Fprintf(&b, "; %v", ErrContextLost)
	}
	return b.String()
}

// Unwrap returns Err, and [ErrContextLost] beside it when the context is lost.
func (e *Error) Unwrap() []error {
	if e.Lost {
		return []error{e.Err, ErrContextLost}
	}
	return []error{e.Err}
}

// MemoryError is an allocation that did not fit, after unused cached memory was given back. All sizes are in bytes. It
// matches [OutOfMemory].
type MemoryError struct {
	Requested int64 // what the caller asked for
	InUse     int64 // held by buffers of this device that are not freed
	Cached    int64 // still cached by this device
	Limit     int64 // Options.MemoryLimit, 0 if there is none
	Free      int64 // free on the whole device, 0 if unknown
	Total     int64 // of the device, 0 if unknown
}

// Error implements error.
func (e *MemoryError) Error() string {
	s := fmt.Sprintf("out of memory: %d bytes wanted, %d in use, %d cached", e.Requested, e.InUse, e.Cached)
	if e.Limit > 0 {
		s += fmt.Sprintf(", limit %d", e.Limit)
	}
	if e.Total > 0 {
		s += fmt.Sprintf(", %d of %d free on the device", e.Free, e.Total)
	}
	return s + "; free some, or ask for less"
}

// Is makes errors.Is(err, OutOfMemory) true.
func (e *MemoryError) Is(target error) bool { return target == OutOfMemory }

// PanicError is a panic on the device's thread: a fault of this package, or of a function given to [Device.Do].
type PanicError struct {
	Value any
	Stack []byte
}

// Error implements error. The stack stays out of the message: it holds addresses.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// DriverError is a driver that is too old. Versions are 1000*major + 10*minor of the CUDA version that
// a driver supports.
type DriverError struct{ Found, Want int }

// Error implements error.
func (e *DriverError) Error() string {
	return fmt.Sprintf("the driver is for CUDA %d.%d: want one for CUDA %d.%d or later; update the NVIDIA driver",
		e.Found/1000, e.Found%1000/10, e.Want/1000, e.Want%1000/10)
}

// Failed tells whether err is about a GPU: one that is not there, that cannot be used, that has not
// enough memory, or that failed.
func Failed(err error) bool {
	var e *Error
	var p *PanicError
	return errors.As(err, &e) || errors.As(err, &p) || errors.Is(err, ErrNotBuilt) || errors.Is(err, ErrClosed)
}

// Unavailable tells whether err means that there is no GPU to work with: none in this machine, no
// driver, or one that is too old or does not initialise, a GPU that is older than the kernels or that
// another process has for itself, or a program that was built without support.
func Unavailable(err error) bool {
	var d *DriverError
	if errors.As(err, &d) {
		return true
	}
	var e *Error
	if errors.As(err, &e) && e.Op == opInit {
		return true
	}
	for _, is := range []error{ErrNotBuilt, ErrNoDriver, NoDevice, InvalidDevice, DeviceUnavailable, NoBinaryForGPU,
		SystemDriverMismatch, UnsupportedPTXVersion} {
		if errors.Is(err, is) {
			return true
		}
	}
	return false
}

// opInit is the operation of errors that keep the driver from working at all.
const opInit = "cuInit"
