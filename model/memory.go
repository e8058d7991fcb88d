package model

import (
	"fmt"
	"math"

	"github.com/cudiffuse/cudiffuse/internal/arena"
)

// MemoryPlan says where the intermediate results of a compiled graph live. All sizes
// are in bytes. The inputs and the output are the caller's memory and not counted.
type MemoryPlan struct {
	Peak    int64    // size of the arena that all buffers share
	Sum     int64    // what the same values would take with a buffer each
	Scratch int64    // the largest scratch of one operation, part of Peak
	Weights int64    // the weights as float32, shared by all executors of a network
	Buffers []Buffer // in order of first use
}

// Buffer is one piece of the arena. First and Last are the operations between which it is in use, both included,
// counted as they run: those of [Graph.Ops], of which a convolution may have taken in some. Operations that work in
// place share a buffer, which is then named after its first tensor.
type Buffer struct {
	Name        string
	Tensor      TensorID // NoTensor for scratch
	Offset      int64
	Bytes       int64
	First, Last int
}

// String is a short report: peak, sum and weights.
func (p MemoryPlan) String() string {
	const mib = 1 << 20
	return fmt.Sprintf("activations %.1f MiB at peak (%.1f MiB without reuse, %d buffers), "+
		"weights %.1f MiB", float64(p.Peak)/mib, float64(p.Sum)/mib, len(p.Buffers), float64(p.Weights)/mib)
}

// Arena granularity, so that every buffer starts on a cache line, and the largest
// arena that is accepted.
const (
	alignFloats = 16
	maxArena    = int64(min(1<<34, math.MaxInt)) // bytes: 16 GiB, 2 GiB with 32-bit integers
)

// layout is a plan in elements, as the executor needs it.
type layout struct {
	plan    MemoryPlan
	tensor  []int64 // offset of each tensor in floats, -1 for the caller's
	scratch []int64 // offset of each operation's scratch, -1 for none
	size    int64   // floats
}

// planMemory lays out the tensors of g for a batch. scratch holds the floats of
// scratch each operation needs.
//
// Each value lives from the operation that writes it to the last that reads it.
// Package arena places them.
func planMemory(g *Graph, shapes []Shape, batch int, scratch []int) (layout, error) {
	l := layout{tensor: make([]int64, len(g.Tensors)), scratch: make([]int64, len(g.Ops))}
	bufs, of, scratchOf := lifetimes(g, shapes, batch, scratch, &l.plan)
	if l.plan.Sum > maxArena*16 {
		return l, shapeErrorf("memory", "%d bytes of intermediate results", l.plan.Sum)
	}
	place(bufs)
	for i := range bufs {
		l.plan.Peak = max(l.plan.Peak, bufs[i].Offset+bufs[i].Bytes)
	}
	if l.plan.Peak > maxArena {
		return l, shapeErrorf("memory", "%d bytes are needed, the limit is %d",
			l.plan.Peak, maxArena)
	}
	for id, b := range of {
		l.tensor[id] = -1
		if b >= 0 {
			l.tensor[id] = bufs[b].Offset / 4
		}
	}
	for i, b := range scratchOf {
		l.scratch[i] = -1
		if b >= 0 {
			l.scratch[i] = bufs[b].Offset / 4
		}
	}
	l.size = l.plan.Peak / 4
	l.plan.Buffers = bufs
	return l, nil
}

// lifetimes makes the buffers (offsets not yet set), the buffer of each tensor and
// the buffer of each operation's scratch (-1 for none), and adds up plan.Sum.
func lifetimes(g *Graph, shapes []Shape, batch int, scratch []int,
	plan *MemoryPlan) ([]Buffer, []int, []int) {
	last, external := lastUses(g)
	of := make([]int, len(g.Tensors))
	for i := range of {
		of[i] = -1
	}
	scratchOf := make([]int, len(g.Ops))
	var bufs []Buffer
	add := func(name string, id TensorID, floats int64, first, last int) int {
		bytes := 4 * ((floats + alignFloats - 1) / alignFloats * alignFloats)
		plan.Sum += bytes
		bufs = append(bufs, Buffer{Name: name, Tensor: id, Bytes: bytes, First: first, Last: last})
		return len(bufs) - 1
	}
	for i, op := range g.Ops {
		y := op.Writes()
		scratchOf[i] = -1
		if scratch[i] > 0 {
			scratchOf[i] = add("scratch "+op.Label(), NoTensor, int64(scratch[i]), i, i)
			plan.Scratch = max(plan.Scratch, bufs[scratchOf[i]].Bytes)
		}
		if external[y] {
			continue
		}
		floats := int64(batch) * int64(shapes[y].Len())
		x := op.inPlace()
		if x != NoTensor && of[x] >= 0 && last[x] == i && shapes[x].Len() == shapes[y].Len() {
			of[y] = of[x] // the operand dies here: the result takes its place
			bufs[of[y]].Last = last[y]
			plan.Sum += bufs[of[y]].Bytes
			continue
		}
		of[y] = add(g.Tensors[y].Name, y, floats, i, last[y])
	}
	return bufs, of, scratchOf
}

// lastUses returns the last operation that reads each tensor (or writes it, if none
// reads it), and which tensors are the caller's memory.
func lastUses(g *Graph) (last []int, external []bool) {
	last = make([]int, len(g.Tensors))
	external = make([]bool, len(g.Tensors))
	for i, op := range g.Ops {
		last[op.Writes()] = i
		for _, id := range op.Reads() {
			last[id] = i
		}
	}
	for _, in := range g.Inputs {
		external[in.Tensor] = true
	}
	for _, id := range g.Outputs {
		external[id] = true
	}
	return last, external
}

// place sets the offsets.
func place(bufs []Buffer) {
	spans := make([]arena.Span, len(bufs))
	for i, b := range bufs {
		spans[i] = arena.Span{Bytes: b.Bytes, First: b.First, Last: b.Last}
	}
	arena.Place(spans)
	for i := range bufs {
		bufs[i].Offset = spans[i].Offset
	}
}
