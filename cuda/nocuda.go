//go:build !cuda

package cuda

import (
	"context"
	"time"
)

// Twins of what the build tag cuda brings, for programs without it. Nothing here can be opened, so
// methods of the other types are never reached with a value that this package made.

// Device is one open GPU.
type Device struct{}

// Devices returns the GPUs of this machine.
func Devices() ([]DeviceInfo, error) { return nil, ErrNotBuilt }

// Open opens a GPU by its number, from 0.
func Open(int, Options) (*Device, error) { return nil, ErrNotBuilt }

// Info describes the device.
func (*Device) Info() DeviceInfo { return DeviceInfo{} }

// Do runs f on the device's thread.
func (*Device) Do(func() error) error { return ErrNotBuilt }

// Close frees everything.
func (*Device) Close() error { return nil }

// Stats returns what the device holds.
func (*Device) Stats() (Stats, error) { return Stats{}, ErrNotBuilt }

// Available returns the bytes that can be allocated.
func (*Device) Available() (int64, error) { return 0, ErrNotBuilt }

// TrimCache gives unused memory back to the driver.
func (*Device) TrimCache() error { return ErrNotBuilt }

// Alloc returns device memory.
func (*Device) Alloc(int64) (*Buffer, error) { return nil, ErrNotBuilt }

// AllocPinned returns page-locked host memory.
func (*Device) AllocPinned(int64) (*Pinned, error) { return nil, ErrNotBuilt }

// LoadModule loads a kernel image.
func (*Device) LoadModule(Image) (*Module, error) { return nil, ErrNotBuilt }

// NewStream returns a stream.
func (*Device) NewStream() (*Stream, error) { return nil, ErrNotBuilt }

// NewEvent returns an event.
func (*Device) NewEvent(bool) (*Event, error) { return nil, ErrNotBuilt }

// Elapsed returns the time between two events.
func (*Device) Elapsed(_, _ *Event) (time.Duration, error) { return 0, ErrNotBuilt }

// Write copies to the device.
func (*Device) Write(*Buffer, int64, []byte) error { return ErrNotBuilt }

// Read copies from the device.
func (*Device) Read([]byte, *Buffer, int64) error { return ErrNotBuilt }

// Buffer is device memory.
type Buffer struct{}

// Ptr returns the device address.
func (*Buffer) Ptr() uint64 { return 0 }

// Size returns the size in bytes.
func (*Buffer) Size() int64 { return 0 }

// Free gives the memory back.
func (*Buffer) Free() error { return nil }

// Pinned is page-locked host memory.
type Pinned struct{}

// Bytes returns the memory.
func (*Pinned) Bytes() []byte { return nil }

// Size returns the size in bytes.
func (*Pinned) Size() int64 { return 0 }

// Free gives the memory back.
func (*Pinned) Free() error { return nil }

// Module is a loaded kernel image.
type Module struct{}

// Native tells whether the module is native code.
func (*Module) Native() bool { return false }

// Kernel returns the entry point of a name.
func (*Module) Kernel(string) (*Kernel, error) { return nil, ErrNotBuilt }

// Unload frees the module.
func (*Module) Unload() error { return nil }

// Kernel is an entry point of a module.
type Kernel struct{}

// Name returns the kernel's name.
func (*Kernel) Name() string { return "" }

// Registers returns the registers that a thread takes.
func (*Kernel) Registers() int { return 0 }

// MaxThreads returns the largest number of threads of a block.
func (*Kernel) MaxThreads() int { return 0 }

// Prepare makes a launch.
func (*Kernel) Prepare(Geometry, ...uint64) (*Launch, error) { return nil, ErrNotBuilt }

// Launch is a kernel with its geometry and arguments.
type Launch struct{}

// Close frees the launch.
func (*Launch) Close() error { return nil }

// Stream is a queue of work that runs in order.
type Stream struct{}

// Handle is the driver's own handle.
func (*Stream) Handle() uintptr { return 0 }

// Launch enqueues a prepared kernel.
func (*Stream) Launch(*Launch) error { return ErrNotBuilt }

// CopyToDevice enqueues a copy from page-locked memory.
func (*Stream) CopyToDevice(_ *Buffer, _ int64, _ *Pinned, _, _ int64) error { return ErrNotBuilt }

// CopyToHost enqueues a copy to page-locked memory.
func (*Stream) CopyToHost(_ *Pinned, _ int64, _ *Buffer, _, _ int64) error { return ErrNotBuilt }

// Copy enqueues a copy on the device.
func (*Stream) Copy(_ *Buffer, _ int64, _ *Buffer, _, _ int64) error { return ErrNotBuilt }

// Fill enqueues the setting of bytes to a value.
func (*Stream) Fill(_ *Buffer, _ byte, _, _ int64) error { return ErrNotBuilt }

// Record enqueues an event.
func (*Stream) Record(*Event) error { return ErrNotBuilt }

// Wait lets the work that follows wait for an event.
func (*Stream) Wait(*Event) error { return ErrNotBuilt }

// Query tells whether all work is done.
func (*Stream) Query() (bool, error) { return false, ErrNotBuilt }

// Sync waits until all work is done.
func (*Stream) Sync(context.Context) error { return ErrNotBuilt }

// BeginCapture makes the stream record what is enqueued.
func (*Stream) BeginCapture() error { return ErrNotBuilt }

// EndCapture ends the recording.
func (*Stream) EndCapture() (*Graph, error) { return nil, ErrNotBuilt }

// Replay enqueues everything that a graph recorded.
func (*Stream) Replay(*Graph) error { return ErrNotBuilt }

// Close frees the stream.
func (*Stream) Close() error { return nil }

// Event is a point in the work of a stream.
type Event struct{}

// Query tells whether the event has happened.
func (*Event) Query() (bool, error) { return false, ErrNotBuilt }

// Sync waits for the event.
func (*Event) Sync(context.Context) error { return ErrNotBuilt }

// Close frees the event.
func (*Event) Close() error { return nil }

// Graph is work that was captured.
type Graph struct{}

// Nodes returns the number of operations in the graph.
func (*Graph) Nodes() int { return 0 }

// Close frees the graph.
func (*Graph) Close() error { return nil }
