package cudnn

import "fmt"

// maxRank is the most dimensions of a tensor that cuDNN takes.
const maxRank = 8

// value returns an operation by value; nil for one that is not of this package.
func value(op Op) Op {
	switch o := op.(type) {
	case Conv, Matmul, Pointwise, Reduction, LayerNorm, SDPA, Resample:
		return o
	case *Conv:
		return deref(o)
	case *Matmul:
		return deref(o)
	case *Pointwise:
		return deref(o)
	case *Reduction:
		return deref(o)
	case *LayerNorm:
		return deref(o)
	case *SDPA:
		return deref(o)
	case *Resample:
		return deref(o)
	}
	return nil
}

func deref[T Op](o *T) Op {
	if o == nil {
		return nil
	}
	return *o
}

// Validate checks that the graph's parts fit together: operands are there, their numbers are unique,
// their descriptions complete, and virtual tensors are written before they are read. Whether shapes and
// types fit an operation is cuDNN's to say. The error is a *[GraphError].
func (g *Graph) Validate() error {
	if len(g.Ops) == 0 {
		return &GraphError{Graph: g.Name, Op: -1, Detail: "it has no operations"}
	}
	v := validation{g: g, seen: map[int64]*Tensor{}, written: map[int64]bool{}, read: map[int64]bool{}}
	for i, op := range g.Ops {
		v.op = i
		if err := v.operation(value(op)); err != nil {
			return err
		}
	}
	v.op = -1
	for _, x := range g.tensors() {
		if x.Virtual && !v.read[x.ID] {
			return v.fail(x, "virtual, but nothing reads it")
		}
	}
	return nil
}

// validation is the state of Validate: what the operations before op read and wrote.
type validation struct {
	g             *Graph
	op            int
	seen          map[int64]*Tensor
	written, read map[int64]bool
}

func (v *validation) fail(x *Tensor, format string, args ...any) error {
	e := &GraphError{Graph: v.g.Name, Op: v.op, Detail: fmt.Sprintf(format, args...)}
	if x != nil {
		e.Tensor = x.Name
	}
	return e
}

func (v *validation) operation(op Op) error {
	if op == nil {
		return v.fail(nil, "not an operation of this package")
	}
	// Pointwise leaves a nil operand out of Reads.
	for _, x := range append(op.Reads(), op.Writes()) {
		if x == nil {
			return v.fail(nil, "%s lacks an operand", op.Kind())
		}
		if err := v.tensor(x); err != nil {
			return err
		}
	}
	if err := v.parameters(op); err != nil {
		return err
	}
	for _, x := range op.Reads() {
		if x.Virtual && !v.written[x.ID] {
			return v.fail(x, "virtual, and read before it is written")
		}
		v.read[x.ID] = true
	}
	y := op.Writes()
	switch {
	case y.Scalar:
		return v.fail(y, "a scalar is written")
	case v.written[y.ID]:
		return v.fail(y, "written twice")
	case v.read[y.ID]:
		return v.fail(y, "written after it is read")
	}
	v.written[y.ID] = true
	return nil
}

func (v *validation) tensor(x *Tensor) error {
	if before, ok := v.seen[x.ID]; ok {
		if before != x {
			return v.fail(x, "number %d is also that of tensor %s", x.ID, before.Name)
		}
		return nil
	}
	v.seen[x.ID] = x
	switch {
	case x.ID <= 0:
		return v.fail(x, "number %d: want a positive one", x.ID)
	case x.Type < Float32 || x.Type > BFloat16:
		return v.fail(x, "unknown element type %d", int(x.Type))
	case len(x.Dims) == 0 || len(x.Dims) > maxRank:
		return v.fail(x, "%d dimensions: want 1 to %d", len(x.Dims), maxRank)
	case len(x.Strides) != len(x.Dims):
		return v.fail(x, "%d strides for %d dimensions", len(x.Strides), len(x.Dims))
	case x.Scalar && x.Virtual:
		return v.fail(x, "both a scalar and virtual")
	case x.Scalar && x.Type != Float32:
		return v.fail(x, "a scalar of type %v: want float32", x.Type)
	}
	for i := range x.Dims {
		if x.Dims[i] <= 0 || x.Strides[i] <= 0 {
			return v.fail(x, "dimension %d is %d with stride %d: want positive ones", i, x.Dims[i], x.Strides[i])
		}
		if x.Scalar && x.Dims[i] != 1 {
			return v.fail(x, "a scalar of dimensions %v", x.Dims)
		}
	}
	return nil
}

// tensors returns every tensor of the graph once, in the order in which operations name them.
func (g *Graph) tensors() []*Tensor {
	var all []*Tensor
	seen := map[int64]bool{}
	for _, op := range g.Ops {
		op = value(op)
		if op == nil {
			continue
		}
		for _, x := range append(op.Reads(), op.Writes()) {
			if x != nil && !seen[x.ID] {
				seen[x.ID] = true
				all = append(all, x)
			}
		}
	}
	return all
}
