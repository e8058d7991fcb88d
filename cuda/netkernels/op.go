package netkernels

import (
	"fmt"

	"github.com/cudiffuse/cudiffuse/cuda"
)

// Op is an operation of one launch or two.
type Op interface {
	// Validate tells what is wrong with shapes, strides and types; the error is an *[Error].
	Validate() error
	// Launches are to be enqueued in order. They are those of a valid operation.
	Launches() []Launch
	// Workspace is the bytes of scratch that the launches share.
	Workspace() int64
	// Bytes is what the operation reads and writes, each operand once.
	Bytes() (read, written int64)
}

// Launch is one kernel.
type Launch struct {
	Kernel   string
	Geometry cuda.Geometry
	Args     []uint64
}

// Error says what is wrong with an operation.
type Error struct{ Op, Detail string }

// Error implements error.
func (e *Error) Error() string { return "netkernels: " + e.Op + ": " + e.Detail }

// DType is the type of activations.
type DType int

// The types.
const (
	Float32 DType = iota
	Float16
	BFloat16
)

var suffixes = [...]string{"f32", "f16", "bf16"}

func (t DType) size() int64 {
	if t == Float32 {
		return 4
	}
	return 2
}

// Activation is an element-wise function, by the formulas of package model.
type Activation int

// The activations.
const (
	Identity Activation = iota
	SiLU
	Mish
	GELU
	ReLU
	QuickGELU
	GELUTanh
	Tanh
)

// Tensor is where activations are: the address of the first element, and the elements
// from a pixel to the next.
type Tensor struct {
	At     uint64
	Stride int
}

// Threads of a block, and the most blocks of a grid that strides over its work.
const (
	threads   = 256
	mostBlock = 1 << 16
)

// name is a kernel for a type, with wide accesses where channels and tensors allow them.
func name(kernel string, t DType, channels int, tensors ...Tensor) (string, int) {
	v := int(16 / t.size())
	kernel += "_" + suffixes[t]
	for _, x := range tensors {
		if x.At%16 != 0 || x.Stride%v != 0 {
			return kernel, 1
		}
	}
	if channels%v != 0 {
		return kernel, 1
	}
	return kernel + "_v", v
}

// over is the grid of a kernel that strides over items.
func over(items int64) cuda.Geometry {
	return cuda.Geometry{Grid: cuda.Dim{X: int(max(1, min((items+threads-1)/threads, mostBlock)))},
		Block: cuda.Dim{X: threads}}
}

func i32(v int) uint64 { return cuda.I32(int32(v)) }

// limits that keep every index within the kernels' integers.
const (
	maxDim  = 1 << 30
	maxGrid = 65535 // blocks in y and z
)

// check is the part of Validate that all operations share.
func check(op string, t DType, counts map[string]int, channels int, tensors ...Tensor) error {
	if t < Float32 || t > BFloat16 {
		return &Error{op, fmt.Sprintf("type %d", int(t))}
	}
	for name, n := range counts {
		if n < 1 || n > maxDim {
			return &Error{op, fmt.Sprintf("%s %d: want 1..%d", name, n, maxDim)}
		}
	}
	for _, x := range tensors {
		if x.Stride < channels {
			return &Error{op, fmt.Sprintf("pixels %d elements apart, with %d channels", x.Stride, channels)}
		}
		if x.At%uint64(t.size()) != 0 {
			return &Error{op, fmt.Sprintf("address %#x of elements of %d bytes", x.At, t.size())}
		}
	}
	return nil
}

// checkAct refuses activations that the kernels have not.
func checkAct(op string, a Activation) error {
	if a < Identity || a > Tanh {
		return &Error{op, fmt.Sprintf("activation %d", int(a))}
	}
	return nil
}

// checkWords is for the addresses of parameters, numbers and indexes: words of four bytes.
func checkWords(op string, addresses ...uint64) error {
	for _, a := range addresses {
		if a%4 != 0 {
			return &Error{op, fmt.Sprintf("address %#x of words of four bytes", a)}
		}
	}
	return nil
}
