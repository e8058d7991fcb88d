package model

import (
	"context"
	"slices"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// Executor runs a graph on the CPU for up to a fixed number of rows.
//
// An Executor is used by one goroutine at a time. It owns its buffers; weights are
// shared with other executors of the same network. Run does not allocate.
type Executor struct {
	graph  *Graph
	fused  *Graph // what runs
	shapes []Shape
	batch  int
	pool   *workers.Pool
	plan   MemoryPlan
	arena  []float32
	bufs   [][]float32 // per tensor, for the whole batch; the caller's are set by Run
	ints   [][]int64   // per tensor, the inputs that are integers
	one    [1][]float32
	steps  []step
}

// step is an operation bound to its weights and scratch. It may keep state between
// begin and the end of its run, so it belongs to one executor.
type step interface {
	run(e *Executor, n int)
}

// Inputs are the operands of a run, for n rows. Slices that the network does not
// take must be nil; they are only read.
type Inputs struct {
	Sample         []float32 // [n, C, H, W], the scaled noisy image
	Timestep       []float32 // [n], the time as the network was trained on
	Class          []int64   // [n], labels in 0..Classes()-1
	ClassEmbedding []float32 // [n, D], only for class_embed_type "identity"
	Context        []float32 // [n, T, D], the embedding of a text of T tokens
	TimestepCond   []float32 // [n, D], only for time_cond_proj_dim
	TokenIDs       []int64   // [n, T], the tokens of a text, within the vocabulary
	TokenIndex     []int64   // [n], which token of the text is pooled, 0..T-1
	Pooled         []float32 // [n, D], the pooled text, only for addition_embed_type "text_time"
	TimeIDs        []float32 // [n, K], the sizes beside it
	Control        []float32 // [n, C, H, W], the image of a ControlNet
	ControlScale   []float32 // [n, K], a factor for each of its residuals
	// Residuals are added within a U-Net, those of the down path in its order and then
	// that of the middle block: each [n, C, H, W] of its own size.
	Residuals [][]float32
}

// NewExecutor is [NewExecutorAt] for images of height x width and [DefaultTokens].
func NewExecutor(g *Graph, w *Weights, batch, height, width int,
	pool *workers.Pool) (*Executor, error) {
	return NewExecutorAt(g, w, batch, Size{height, width, DefaultTokens}, pool)
}

// NewExecutorAt compiles a graph for at most batch rows of a size. A nil pool runs on
// one thread. The error is a [*GraphError] or a [*ShapeError].
func NewExecutorAt(g *Graph, w *Weights, batch int, size Size,
	pool *workers.Pool) (*Executor, error) {
	if g == nil || w == nil || w.graph != g {
		return nil, &GraphError{"", "no graph, no weights, or weights of another graph"}
	}
	if err := g.Validate(); err != nil {
		return nil, err
	}
	if batch < 1 || batch > maxSide {
		return nil, shapeErrorf("batch", "%d is not within 1..%d", batch, maxSide)
	}
	for i, y := range g.Outputs {
		if slices.Contains(g.Outputs[:i], y) {
			return nil, graphErrorf("", "tensor %d is two outputs", y)
		}
	}
	shapes, err := g.ShapesAt(size)
	if err != nil {
		return nil, err
	}
	if err := checkRows(g, shapes, batch); err != nil {
		return nil, err
	}
	e := &Executor{graph: g, shapes: shapes, batch: batch, pool: pool}
	steps, scratch, err := e.bind(w)
	if err != nil {
		return nil, err
	}
	l, err := planMemory(e.fused, shapes, batch, scratch)
	if err != nil {
		return nil, err
	}
	e.plan = l.plan
	e.plan.Weights = w.Bytes()
	e.arena = make([]float32, l.size)
	e.attach(l, scratch, steps)
	return e, nil
}

// checkRows refuses tensors whose size for the batch would not fit the arena, before
// anything computes with that size.
func checkRows(g *Graph, shapes []Shape, batch int) error {
	for id, s := range shapes {
		if n := int64(s.C) * int64(s.H) * int64(s.W); n > maxArena/4/int64(batch) {
			return shapeErrorf("memory", "tensor %s of %d rows of %v is too large",
				g.Tensors[id].Name, batch, s)
		}
	}
	return nil
}

// attach gives every tensor and every step its part of the arena.
func (e *Executor) attach(l layout, scratch []int, steps []boundStep) {
	e.bufs = make([][]float32, len(e.graph.Tensors))
	e.ints = make([][]int64, len(e.graph.Tensors))
	for id, off := range l.tensor {
		if off >= 0 {
			n := int64(e.batch) * int64(e.shapes[id].Len())
			e.bufs[id] = e.arena[off : off+n : off+n]
		}
	}
	for i, b := range steps {
		if n := int64(scratch[i]); n > 0 {
			off := l.scratch[i]
			b.setScratch(e.arena[off : off+n : off+n])
		}
		e.steps = append(e.steps, b)
	}
}

// Run evaluates the network on the first n rows and writes them to out, which must
// not overlap the inputs. The context is looked at before every operation; after an
// error out holds nothing useful. Arguments of the wrong size give an [*InputError].
func (e *Executor) Run(ctx context.Context, n int, in Inputs, out []float32) error {
	e.one[0] = out
	err := e.RunAll(ctx, n, in, e.one[:])
	e.one[0] = nil
	return err
}

// RunAll is Run for a graph of any number of outputs: outs has one slice for each of
// [Graph.Outputs], in that order. The slices must not overlap.
func (e *Executor) RunAll(ctx context.Context, n int, in Inputs, outs [][]float32) error {
	if ctx == nil {
		return &InputError{"ctx", "is nil"}
	}
	defer e.release()
	if err := e.setInputs(n, in); err != nil {
		return err
	}
	if len(outs) != len(e.graph.Outputs) {
		return inputErrorf("out", "is %d slices, the network has %d outputs", len(outs), len(e.graph.Outputs))
	}
	for i, y := range e.graph.Outputs {
		if want := n * e.shapes[y].Len(); len(outs[i]) != want {
			return inputErrorf("out", "has %d elements, wanted %d (%d rows of %v)",
				len(outs[i]), want, n, e.shapes[y])
		}
		e.bufs[y] = outs[i]
	}
	for _, s := range e.steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.run(e, n)
	}
	return nil
}

// release forgets the caller's memory.
func (e *Executor) release() {
	for _, in := range e.graph.Inputs {
		e.bufs[in.Tensor], e.ints[in.Tensor] = nil, nil
	}
	for _, y := range e.graph.Outputs {
		e.bufs[y] = nil
	}
}

// setInputs checks the arguments and takes them.
func (e *Executor) setInputs(n int, in Inputs) error {
	if n < 1 || n > e.batch {
		return inputErrorf("n", "is %d, the executor was compiled for 1..%d rows", n, e.batch)
	}
	given := [...]int{len(in.Sample), len(in.Timestep), len(in.Class), len(in.ClassEmbedding),
		len(in.Context), len(in.TimestepCond), len(in.TokenIDs), len(in.TokenIndex),
		len(in.Pooled), len(in.TimeIDs), len(in.Control), len(in.ControlScale)}
	floats := [...][]float32{in.Sample, in.Timestep, nil, in.ClassEmbedding, in.Context,
		in.TimestepCond, nil, nil, in.Pooled, in.TimeIDs, in.Control, in.ControlScale}
	ints := [len(floats)][]int64{InputClass: in.Class, InputTokenIDs: in.TokenIDs,
		InputTokenIndex: in.TokenIndex}
	for _, x := range e.graph.Inputs {
		if x.Kind == InputResidual {
			continue
		}
		want := n * e.shapes[x.Tensor].Len()
		if got := given[x.Kind]; got != want {
			return inputErrorf(x.Kind.String(), "has %d elements, wanted %d (%d rows of %v)",
				got, want, n, e.shapes[x.Tensor])
		}
		given[x.Kind] = 0
		e.bufs[x.Tensor], e.ints[x.Tensor] = floats[x.Kind], ints[x.Kind]
	}
	for k, left := range given {
		if left != 0 {
			return &InputError{InputKind(k).String(), "is given, but the network does not take it"}
		}
	}
	if err := e.setResiduals(n, in.Residuals); err != nil {
		return err
	}
	return e.checkIndexes()
}

// checkIndexes refuses integers that are no row of their table or no token of their text.
func (e *Executor) checkIndexes() error {
	for _, op := range e.graph.Ops {
		switch o := op.(type) {
		case Lookup:
			for i, c := range e.ints[o.Class] {
				if c < 0 || c >= int64(o.Rows) {
					return inputErrorf("Class", "row %d is class %d, wanted 0..%d", i, c, o.Rows-1)
				}
			}
		case TokenEmbedding:
			for i, t := range e.ints[o.IDs] {
				if t < 0 || t >= int64(o.Rows) {
					return inputErrorf("TokenIDs", "element %d is %d, wanted 0..%d", i, t, o.Rows-1)
				}
			}
		case SelectToken:
			for i, t := range e.ints[o.Index] {
				if last := e.shapes[o.X].H - 1; t < 0 || t > int64(last) {
					return inputErrorf("TokenIndex", "row %d is token %d, wanted 0..%d", i, t, last)
				}
			}
		case T5Embedding, T5Attention:
			if err := e.checkT5(op); err != nil {
				return err
			}
		}
	}
	return nil
}

// rows returns the first n rows of a tensor.
func (e *Executor) rows(id TensorID, n int) []float32 {
	return e.bufs[id][:n*e.shapes[id].Len()]
}

// Batch is the largest number of rows of a run.
func (e *Executor) Batch() int { return e.batch }

// OutShape is the shape of one row of the result, the first one if there are several.
func (e *Executor) OutShape() Shape { return e.shapes[e.graph.Outputs[0]] }

// MemoryPlan returns where the intermediate results live and what they take.
func (e *Executor) MemoryPlan() MemoryPlan { return e.plan }

// FLOPs counts the multiplications and additions of convolutions, linear layers and
// attention for n rows.
func (e *Executor) FLOPs(n int) int64 {
	var sum int64
	for _, op := range e.graph.Ops {
		sum += opFLOPs(op, e.shapes)
	}
	return int64(n) * sum
}

// opFLOPs is the work of an operation for one row, two for a multiply and an add.
func opFLOPs(op Op, shapes []Shape) int64 {
	y := shapes[op.Writes()]
	switch o := op.(type) {
	case Conv2D:
		return 2 * int64(y.Len()) * int64(o.Shape.InC*o.Shape.KH*o.Shape.KW)
	case Linear:
		return 2 * int64(o.InF) * int64(o.OutF)
	case Attention: // two products of C x T x K for T queries and K keys
		k := shapes[o.K]
		return 4 * int64(y.Len()) * int64(k.H*k.W)
	case T5Attention:
		return 4 * int64(y.Len()) * int64(y.H)
	}
	return 0
}
