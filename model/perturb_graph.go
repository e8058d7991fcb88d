package model

import "strings"

// rewriter makes a graph of another one by leaving out operations. The order of what stays is the same, and so are
// the parameters and tensors.
type rewriter struct {
	g     *Graph
	ops   []Op
	label map[string]int   // operations by name
	maker map[TensorID]int // the operation that writes a tensor
	err   error            // the first failure
}

func newRewriter(g *Graph) *rewriter {
	r := &rewriter{g: g, ops: append([]Op(nil), g.Ops...), label: map[string]int{}, maker: map[TensorID]int{}}
	for i, op := range r.ops {
		r.label[op.Label()] = i
		r.maker[op.Writes()] = i
	}
	return r
}

// Names of the operations of a transformer block, see [builder.transformerBlock].
const (
	blockFirst  = ".sum1"
	blockLast   = ".sum3"
	blockAttend = ".attn1.attention"
)

// blocks are the names of the transformer blocks of the U-Net, not of a ControlNet before it, that can.
func (r *rewriter) blocks(can func(block string) bool) []string {
	var names []string
	for _, op := range r.g.Ops {
		name, ok := strings.CutSuffix(op.Label(), blockLast)
		if ok && strings.Contains(name, ".transformer_blocks.") && !strings.HasPrefix(name, controlPrefix) && can(name) {
			names = append(names, name)
		}
	}
	return names
}

// attendsSelf tells whether the first attention of a block is to itself.
func (r *rewriter) attendsSelf(block string) bool {
	i, ok := r.label[block+blockAttend]
	if !ok {
		return false
	}
	a, ok := r.ops[i].(Attention)
	if !ok {
		return false
	}
	q, okQ := r.ops[r.maker[a.Q]].(Conv2D)
	v, okV := r.ops[r.maker[a.V]].(Conv2D)
	return okQ && okV && q.X == v.X
}

// identity puts V in the place of the result of a block's first attention.
func (r *rewriter) identity(block string) {
	i := r.label[block+blockAttend]
	a := r.ops[i].(Attention)
	r.become(a.V, a.Y, i)
}

// skip puts a block's input in the place of its result.
func (r *rewriter) skip(block string) {
	i := r.label[block+blockLast]
	x := r.ops[r.label[block+blockFirst]].(Add).B
	r.become(x, r.ops[i].Writes(), i)
}

// become has tensor x written as y, in place of operation i, whose result y is. Nothing else that stays reads x.
func (r *rewriter) become(x, y TensorID, i int) {
	at := r.maker[x]
	switch o := r.ops[at].(type) {
	case Conv2D:
		o.Y = y
		r.ops[at] = o
	case Add:
		o.Y = y
		r.ops[at] = o
	default: // which no builder makes
		r.err = graphErrorf(o.Kind()+" "+o.Label(), "%T makes what a layer takes: want a convolution or a sum", o)
		return
	}
	r.ops[i] = nil
	r.maker[y] = at
	delete(r.maker, x)
}

// graph returns the operations that the outputs need, and which of the first graph each was.
func (r *rewriter) graph() (*Graph, []int) {
	live := make([]bool, len(r.g.Tensors))
	for _, y := range r.g.Outputs {
		live[y] = true
	}
	keep := make([]bool, len(r.ops))
	for i := len(r.ops) - 1; i >= 0; i-- {
		op := r.ops[i]
		if op == nil || !live[op.Writes()] {
			continue
		}
		keep[i] = true
		for _, x := range op.Reads() {
			live[x] = true
		}
	}
	g := *r.g
	g.Ops = nil
	var from []int
	for i, op := range r.ops {
		if keep[i] {
			g.Ops, from = append(g.Ops, op), append(from, i)
		}
	}
	return &g, from
}
