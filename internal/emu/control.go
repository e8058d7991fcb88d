package emu

import (
	"encoding/json"
	"errors"
	"fmt"
)

// ErrNotLoaded says that the driver of this process is not the emulated one.
var ErrNotLoaded = errors.New("emu: this process does not run on the emulated driver")

// Kernel counts the launches of one kernel and what they did when they ran.
type Kernel struct {
	Launches         uint64 `json:"launches"`
	Threads          uint64 `json:"threads"`
	LoadBytes        uint64 `json:"load_bytes"` // of global memory
	StoreBytes       uint64 `json:"store_bytes"`
	WarpInstructions uint64 `json:"warp_instructions"`
}

// CounterSet is what the driver was asked to do since the last [Reset]. Launches, copies and fills
// are counted when they are enqueued, those of a graph at each replay; Kernels counts when they
// run.
type CounterSet struct {
	Calls          uint64 `json:"calls"` // driver calls of any kind
	Launches       uint64 `json:"launches"`
	GraphLaunches  uint64 `json:"graph_launches"`
	HostCalls      uint64 `json:"host_calls"`     // host functions
	Syncs          uint64 `json:"syncs"`          // cuStream-, cuEvent- and cuCtxSynchronize
	ImplicitSyncs  uint64 `json:"implicit_syncs"` // by blocking copies
	Queries        uint64 `json:"queries"`        // of streams and events
	Traps          uint64 `json:"traps"`          // lines of the report
	Faults         uint64 `json:"faults"`         // scripted faults that happened
	HostToDevice   uint64 `json:"h2d"`
	H2DBytes       uint64 `json:"h2d_bytes"`
	DeviceToHost   uint64 `json:"d2h"`
	D2HBytes       uint64 `json:"d2h_bytes"`
	DeviceToDevice uint64 `json:"d2d"`
	D2DBytes       uint64 `json:"d2d_bytes"`
	Memsets        uint64 `json:"memsets"`
	MemsetBytes    uint64 `json:"memset_bytes"`
	BlockingCopies uint64 `json:"blocking_copies"`
	ModuleLoads    uint64 `json:"module_loads"`
	LoadBytes      uint64 `json:"global_load_bytes"` // by all kernels
	StoreBytes     uint64 `json:"global_store_bytes"`
	Plans          uint64 `json:"plan_executions"` // of cuDNN, counted like launches, which they are not
	PlanReadBytes  uint64 `json:"plan_read_bytes"` // operands of plans, when they run
	PlanWriteBytes uint64 `json:"plan_write_bytes"`
	Allocs         uint64 `json:"allocs"`
	Frees          uint64 `json:"frees"`
	HostAllocs     uint64 `json:"host_allocs"`
	HostFrees      uint64 `json:"host_frees"`
	LiveBytes      uint64 `json:"live_bytes"` // of device memory; not reset
	LiveAllocs     uint64 `json:"live_allocs"`
	PeakBytes      uint64 `json:"peak_bytes"`
	LiveHostBytes  uint64 `json:"live_host_bytes"` // page-locked

	Kernels map[string]Kernel `json:"kernels"`
}

// LeakSet is what is alive in the driver. It is the zero value once everything was released.
type LeakSet struct {
	DeviceBytes uint64 `json:"device_bytes"`
	HostBytes   uint64 `json:"host_bytes"` // page-locked
	Contexts    uint64 `json:"contexts"`
	Modules     uint64 `json:"modules"`
	Streams     uint64 `json:"streams"`
	Events      uint64 `json:"events"`
	Graphs      uint64 `json:"graphs"`
	GraphExecs  uint64 `json:"graph_execs"`

	CudnnHandles     uint64 `json:"cudnn_handles"`
	CudnnDescriptors uint64 `json:"cudnn_descriptors"`
}

// Counters returns what was counted since the last [Reset].
func Counters() (CounterSet, error) {
	var c CounterSet
	return c, query("counters", &c)
}

// Leaks returns what is alive.
func Leaks() (LeakSet, error) {
	var l LeakSet
	return l, query("leaks", &l)
}

// Faults replaces the fault script, counts its calls from 1 again, and lets go what hangs by the
// old one. A script is a comma-separated list of KIND@K=WHAT: the K-th call of the kind fails.
//
// KIND is alloc, hostalloc, free, copy (and memset), launch (cuLaunchKernel,
// cuGraphLaunch, cudnnBackendExecute), sync
// (and queries), module, stream, event, graph (and capture), context (primary contexts) or call
// (any driver call).
//
// WHAT is a CUresult number; hang: the work never finishes, a synchronisation blocks, a query
// answers NOT_READY for ever; nan: of a launch, one stored value becomes NaN; or lost: the context
// fails with LAUNCH_FAILED, for good. Sticky codes befall enqueued work when it runs, and any other
// call at once. A call that releases something does so and answers the code.
func Faults(script string) error { return command("faults " + script) }

// Reset zeroes the counters, removes the fault script, and lets go what hangs.
func Reset() error { return command("reset") }

func command(text string) error {
	_, err := Control(text)
	return err
}

func query(text string, into any) error {
	answer, err := Control(text)
	if err != nil {
		return err
	}
	if err := json.Unmarshal([]byte(answer), into); err != nil {
		return fmt.Errorf("emu: %s: %w", text, err)
	}
	return nil
}
