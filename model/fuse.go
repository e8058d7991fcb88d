package model

import "github.com/cudiffuse/cudiffuse/internal/gemm"

// fusedConv is a convolution with the operations around it that the CPU runs within it: the enlarging of its input
// ([Resample]), and the vector ([AddChannel]) and the tensor ([Add]) that are added to its result.
type fusedConv struct {
	Conv2D
	index    int // of the convolution in the graph
	up       bool
	row      TensorID // or NoTensor
	residual TensorID // or NoTensor
}

// Reads implements [Op].
func (o fusedConv) Reads() []TensorID { return present(o.X, o.row, o.residual) }

// fuse returns the graph as the CPU runs it: with fusedConvs, which stand where the last of what they join stood, in
// place of all convolutions, and without what is fused, and the index that each of its operations, if it is no
// fusedConv, has in g. The results are the same bits. Only convolutions that can are fused with others.
func fuse(g *Graph, can func(index int) bool) (*Graph, []int) {
	f := fuser{graph: g, can: can, uses: make([]int, len(g.Tensors)), at: make([]int, len(g.Tensors))}
	for i := range f.at {
		f.at[i] = -1
	}
	for _, op := range g.Ops {
		for _, id := range op.Reads() {
			f.uses[id]++
		}
	}
	for _, id := range g.Outputs {
		f.uses[id]++
	}
	for i, op := range g.Ops {
		op = f.join(i, op)
		f.at[op.Writes()] = len(f.ops)
		f.ops = append(f.ops, op)
	}
	out := *g
	out.Ops = nil
	var index []int
	for i, op := range f.ops {
		if op != nil {
			out.Ops, index = append(out.Ops, op), append(index, i)
		}
	}
	return &out, index
}

// fuser is a fuse at work.
type fuser struct {
	graph *Graph
	can   func(index int) bool
	uses  []int // how often each tensor is read
	at    []int // the place in ops of what writes it, or -1
	ops   []Op  // so far, nil where something was taken out
}

// join is op i, or what it is together with operations before it, which it takes out.
func (f *fuser) join(i int, op Op) Op {
	switch o := op.(type) {
	case Conv2D:
		c := fusedConv{Conv2D: o, index: i, row: NoTensor, residual: NoTensor}
		if x, ok := f.alone(o.X).(Resample); ok && x.Mode == UpNearest && f.can(i) && gemm.ConvShape(o.Shape).CanUp() {
			c.up, c.X = true, x.X
			f.takeOut(o.X)
		}
		return c
	case AddChannel:
		if c, ok := f.conv(o.X); ok && c.row == NoTensor && c.residual == NoTensor {
			f.takeOut(o.X)
			c.row, c.Y = o.V, o.Y
			return c
		}
	case Add:
		if o.Div != 1 {
			return op
		}
		x, other := o.A, o.B
		if f.at[x] < f.at[other] { // what comes later moves less far
			x, other = other, x
		}
		for range 2 {
			if c, ok := f.conv(x); ok && c.residual == NoTensor {
				f.takeOut(x)
				c.residual, c.Y = other, o.Y
				return c
			}
			x, other = other, x
		}
	}
	return op
}

// conv is the convolution that writes a tensor which nothing else reads, if more may be fused with it.
func (f *fuser) conv(id TensorID) (fusedConv, bool) {
	c, ok := f.alone(id).(fusedConv)
	return c, ok && f.can(c.index)
}

// alone is what writes a tensor that is read once, or nil.
func (f *fuser) alone(id TensorID) Op {
	if f.uses[id] != 1 || f.at[id] < 0 {
		return nil
	}
	return f.ops[f.at[id]]
}

// takeOut removes what writes a tensor.
func (f *fuser) takeOut(id TensorID) { f.ops[f.at[id]] = nil }
