package cuda

import (
	"fmt"
	"math"
	"time"
)

// DeviceInfo describes one device.
type DeviceInfo struct {
	Ordinal       int    // 0 is the first
	Name          string // as the driver says, e.g. "NVIDIA A100-SXM4-80GB"
	Major, Minor  int    // compute capability
	TotalMemory   int64  // bytes
	SMs           int    // streaming multiprocessors
	DriverVersion int    // 1000*major + 10*minor of the CUDA version that the driver supports, e.g. 12040
}

// String describes the device in one line.
func (i DeviceInfo) String() string {
	return fmt.Sprintf("cuda:%d %s, sm_%d%d, %d SMs, %.1f GiB, driver for CUDA %d.%d", i.Ordinal, i.Name,
		i.Major, i.Minor, i.SMs, float64(i.TotalMemory)/(1<<30), i.DriverVersion/1000, i.DriverVersion%1000/10)
}

// Options tune a device. The zero value is the default.
type Options struct {
	// MemoryLimit caps the device memory in bytes, used and cached together. 0 means no cap.
	MemoryLimit int64
	// SyncTimeout limits how long a synchronisation waits; the device counts as lost after it. 0 means no limit.
	SyncTimeout time.Duration
	// Blocking waits after every operation that is enqueued outside a capture, so that a failure names exactly the
	// operation that caused it. For debugging: nothing overlaps any more.
	Blocking bool
}

// Stats count what a device holds. Sizes are in bytes.
type Stats struct {
	Memory MemoryStats // device memory
	Pinned MemoryStats // page-locked host memory

	Streams, Events, Modules, Graphs int // open handles
}

// MemoryStats count one kind of memory.
type MemoryStats struct {
	InUse       int64 // held by buffers, rounded up to their size classes
	Cached      int64 // kept for reuse
	Peak        int64 // largest InUse so far
	Allocations int64 // allocations that went to the driver
	Reuses      int64 // allocations served from the cache
	Trims       int64 // times the cache was given back to make room
	Live        int   // buffers not freed
}

// Dim is the extent of a grid or a block; a zero extent counts as 1.
type Dim struct{ X, Y, Z int }

// Geometry is the shape of one launch.
type Geometry struct {
	Grid   Dim // blocks
	Block  Dim // threads a block
	Shared int // dynamic shared memory a block, bytes
}

// Image is kernels in the forms that a device can take.
type Image struct {
	Name string // for errors
	PTX  []byte // compiled by the driver where there is no native code
	// Native returns the code for a compute capability, nil when there is none; it may be nil itself.
	Native func(major, minor int) ([]byte, error)
}

// MaxParams is the largest number of parameters that a kernel may have.
const MaxParams = 24

// F32 is the kernel argument for a float parameter.
func F32(v float32) uint64 { return uint64(math.Float32bits(v)) }

// F64 is the kernel argument for a double parameter.
func F64(v float64) uint64 { return math.Float64bits(v) }

// I32 is the kernel argument for an int parameter.
func I32(v int32) uint64 { return uint64(uint32(v)) }

// I64 is the kernel argument for a long long parameter.
func I64(v int64) uint64 { return uint64(v) }
