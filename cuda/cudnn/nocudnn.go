//go:build !cuda

package cudnn

import "github.com/cudiffuse/cudiffuse/cuda"

// Twins of what the build tag cuda brings, for programs without it. Nothing here can be opened.

// Library is the loaded cuDNN.
type Library struct{}

// Open returns the cuDNN library.
func Open() (*Library, error) { return nil, ErrNotBuilt }

// Version is the library's version.
func (*Library) Version() int { return 0 }

// Path is the file that was loaded.
func (*Library) Path() string { return "" }

// NewHandle returns cuDNN on a device and a stream of it.
func (*Library) NewHandle(*cuda.Device, *cuda.Stream) (*Handle, error) { return nil, ErrNotBuilt }

// Candidates returns execution plans of a graph.
func (*Library) Candidates(*Graph, Target, int, ...Property) ([]*Plan, error) {
	return nil, ErrNotBuilt
}

// LoadPlan returns a plan from its JSON.
func (*Library) LoadPlan(*Graph, Target, []byte) (*Plan, error) { return nil, ErrNotBuilt }

// Handle is cuDNN on a device.
type Handle struct{}

// Target is the handle's device.
func (h *Handle) Target() Target { return Target{handle: h} }

// SetStream makes executions go to another stream of the device.
func (*Handle) SetStream(*cuda.Stream) error { return ErrNotBuilt }

// Close frees the handle.
func (*Handle) Close() error { return nil }

// Plan computes a graph on a target with one engine.
type Plan struct{}

// Workspace is the bytes of device memory that an execution needs besides its operands.
func (*Plan) Workspace() int64 { return 0 }

// Engine is the library's number for the engine.
func (*Plan) Engine() int64 { return -1 }

// Deterministic tells whether the engine gives the same bits in every run.
func (*Plan) Deterministic() bool { return false }

// FullPrecision tells whether the engine keeps the precision of its operands.
func (*Plan) FullPrecision() bool { return false }

// JSON is the plan as text.
func (*Plan) JSON() ([]byte, error) { return nil, ErrNotBuilt }

// Bind gives the graph's operands their memory.
func (*Plan) Bind(map[int64]uint64, uint64) (*Execution, error) { return nil, ErrNotBuilt }

// BindAs is Bind for another graph of the same hash.
func (*Plan) BindAs(*Graph, map[int64]uint64, uint64) (*Execution, error) { return nil, ErrNotBuilt }

// Close frees the plan.
func (*Plan) Close() error { return nil }

// Execution is a plan with the memory of its operands.
type Execution struct{}

// Run enqueues the execution on the handle's stream.
func (*Execution) Run(*Handle) error { return ErrNotBuilt }

// Close frees the execution.
func (*Execution) Close() error { return nil }
