package lower

import (
	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/cuda/netkernels"
	"github.com/cudiffuse/cudiffuse/model"
)

// Options say for what a graph is lowered.
type Options struct {
	Rows int         // network rows of a run: requests times their conditions
	Size model.Size  // of the sample, and tokens of the context
	Type cudnn.DType // of activations and weights, and of sample and result in memory, [rows, C, H, W]
	// Beside is how many of the sample's channels, its last, are a condition: Region Sample does not have them.
	Beside int
	// Perturbed are rows, in order, in which Replace takes place.
	Perturbed []int
	Replace   []model.Replacement

	// Channels of the result that are written, the first ones: without a variance, which networks have behind the
	// noise. 0 is all of them.
	Channels int
	// Variance is to write the channels behind Channels too, to the region of that name.
	Variance bool
}

// Program is a lowered graph. It is plain data and may be shared.
type Program struct {
	Options
	Graph  *model.Graph
	Shapes []model.Shape // of one row, by tensor

	Steps    []Step
	Prologue int // the first steps, which read the conditions only

	Buffers []Buffer
	Arena   int64 // bytes that hold all buffers
	Work    int64 // bytes of scratch that the kernels need; cuDNN plans say their own

	Weights     []Weight
	WeightBytes int64

	Inputs []Input // what is uploaded when the conditions change
	Tables []Table // what is uploaded once

	Outputs     []Output // in the order of the graph's
	ResultBytes int64    // of the caller's memory that they take
}

// Region is a piece of device memory.
type Region int

// The regions. All but the last four belong to the program's executor.
const (
	Arena       Region = iota // Index counts Buffers
	WeightStore               // Index counts Weights
	Sample                    // the network's input, [rows, C, H, W]
	Timestep                  // the time of each row, float32
	Result                    // the network's output, [rows, C, H, W]
	Variance                  // what it has behind Options.Channels, [rows, C, H, W]
)

// Ref is a place in device memory: Offset bytes into a buffer, a weight or a tensor of
// the caller.
type Ref struct {
	Region Region
	Index  int
	Offset int64
}

// Buffer is a value in the arena. First and Last are the steps in which it is in use.
type Buffer struct {
	Name        string
	Bytes       int64
	Offset      int64 // in the arena
	First, Last int
}

// Table is numbers that follow from the size alone, such as the positions of a grid, for a buffer.
type Table struct {
	Buffer int
	Bytes  int64
	Fill   func(dst []byte) // writes them, Bytes of them
}

// Output is a result: [rows, ...] in the program's type, Offset bytes into the caller's
// memory.
type Output struct {
	Offset int64
	Length int // elements of a row
}

// Step is one plan execution or one of our own operations (one or two launches).
type Step struct {
	Name  string // the layers
	FLOPs int64  // of products; an add and a multiply are two

	// An operation graph for cuDNN, and where its operands are; nil for a kernel.
	Fusion   *cudnn.Graph
	Operands []Operand

	// A kernel, given the address of every place and of the scratch; nil for a graph.
	Kernel func(at func(Ref) uint64, work uint64) netkernels.Op

	reads, writes []Ref
	layers        []int // the operations that this step does
}

// Layers is the number of operations of the network that the step does.
func (s *Step) Layers() int { return len(s.layers) }

// Operand is where a tensor of an operation graph is.
type Operand struct {
	ID int64 // of the tensor
	Ref
}

// Offset of a buffer or weight, in its region.
func (p *Program) offset(r Ref) int64 {
	switch r.Region {
	case Arena:
		return p.Buffers[r.Index].Offset + r.Offset
	case WeightStore:
		return p.Weights[r.Index].Offset + r.Offset
	}
	return r.Offset
}

// Locator returns the address of places, given where each region starts.
func (p *Program) Locator(base map[Region]uint64) func(Ref) uint64 {
	return func(r Ref) uint64 { return base[r.Region] + uint64(p.offset(r)) }
}

// OutShape is the shape of one row of the result.
func (p *Program) OutShape() model.Shape {
	s := p.Shapes[p.Graph.Outputs[0]]
	if p.Channels > 0 {
		s.C = p.Channels
	}
	return s
}
