package lower

import (
	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
)

// Counters say what a run costs, computed from shapes: no GPU is asked.
type Counters struct {
	Plans       int   // plan executions of cuDNN
	Launches    int   // launches of our own kernels
	Read, Wrote int64 // bytes of their operands; what an engine reads twice counts once
	FLOPs       int64 // of products
	// Minimum is the bytes that any forward pass must move: every weight once, the
	// sample and the result.
	Minimum int64
}

// Forward counts a pass of the loop.
func (p *Program) Forward() Counters {
	n := p.count(p.Steps[p.Prologue:])
	for _, in := range p.Graph.Inputs {
		if in.Kind == model.InputSample {
			n.Minimum += int64(p.Rows) * int64(p.Shapes[in.Tensor].Len()+p.OutShape().Len()) * p.Type.Size()
		}
	}
	return n
}

// Conditions counts what runs when the conditions change.
func (p *Program) Conditions() Counters { return p.count(p.Steps[:p.Prologue]) }

func (p *Program) count(steps []Step) Counters {
	var n Counters
	weights := map[int]bool{}
	for _, s := range steps {
		n.FLOPs += s.FLOPs
		for _, r := range s.reads {
			if r.Region == WeightStore {
				weights[r.Index] = true
			}
		}
		if s.Fusion != nil {
			n.Plans++
			read, wrote := fusionBytes(s.Fusion)
			n.Read += read
			n.Wrote += wrote
			continue
		}
		k := s.Kernel(p.Locator(nil), 0)
		n.Launches += len(k.Launches())
		read, wrote := k.Bytes()
		n.Read += read
		n.Wrote += wrote
	}
	for i := range weights {
		n.Minimum += p.Weights[i].Bytes
	}
	return n
}

// fusionBytes are the sizes of the operands in memory.
func fusionBytes(g *cudnn.Graph) (read, wrote int64) {
	size := func(t *cudnn.Tensor) int64 {
		if t.Virtual || t.Scalar {
			return 0
		}
		n := t.Type.Size()
		for _, d := range t.Dims {
			n *= d
		}
		return n
	}
	for _, op := range g.Ops {
		for _, t := range op.Reads() {
			read += size(t)
		}
		wrote += size(op.Writes())
	}
	return read, wrote
}

// Extents are the bytes from the first element of every operand in memory to the end of
// its last, by ID.
func Extents(g *cudnn.Graph) map[int64]int64 {
	sizes := map[int64]int64{}
	note := func(t *cudnn.Tensor) {
		if t.Virtual || t.Scalar {
			return
		}
		n := int64(1)
		for i, d := range t.Dims {
			n += (d - 1) * t.Strides[i]
		}
		sizes[t.ID] = n * t.Type.Size()
	}
	for _, op := range g.Ops {
		for _, t := range op.Reads() {
			note(t)
		}
		note(op.Writes())
	}
	return sizes
}
