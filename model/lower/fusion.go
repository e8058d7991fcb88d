package lower

import (
	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
)

// fusion builds one operation graph.
type fusion struct {
	c        *compiler
	ops      []cudnn.Op
	operands []Operand
	nextID   int64
	reads    []Ref
	writes   []Ref
}

func (c *compiler) newFusion() *fusion { return &fusion{c: c, nextID: 1} }

func (f *fusion) tensor(t cudnn.Tensor) *cudnn.Tensor {
	t.ID = f.nextID
	f.nextID++
	return &t
}

// stored is a tensor in memory.
func (f *fusion) stored(name string, at Ref, t cudnn.DType, dims, strides []int64) *cudnn.Tensor {
	x := f.tensor(cudnn.Tensor{Name: name, Type: t, Dims: dims, Strides: strides})
	f.operands = append(f.operands, Operand{ID: x.ID, Ref: at})
	return x
}

// virtual is a float32 tensor within the graph, of the form of another.
func (f *fusion) virtual(name string, like *cudnn.Tensor) *cudnn.Tensor {
	return f.tensor(cudnn.Tensor{Name: name, Type: cudnn.Float32, Dims: like.Dims, Strides: packed(like),
		Virtual: true})
}

// packed are the strides of a tensor without gaps, its dimensions in the same order of
// memory.
func packed(t *cudnn.Tensor) []int64 {
	if d := t.Dims; len(d) == 4 {
		return []int64{d[1] * d[2] * d[3], 1, d[1] * d[3], d[1]}
	}
	d := t.Dims
	return []int64{d[1] * d[2], d[2], 1}
}

// scalar is a number of the graph.
func (f *fusion) scalar(name string, v float32, rank int) *cudnn.Tensor {
	ones := make([]int64, rank)
	for i := range ones {
		ones[i] = 1
	}
	return f.tensor(cudnn.Tensor{Name: name, Type: cudnn.Float32, Dims: ones, Strides: ones, Scalar: true, Value: v})
}

// image is a view as [N, C, H, W].
func (f *fusion) image(name string, v view) *cudnn.Tensor {
	n, c, h, w, s := f.dims(v)
	return f.stored(name, f.c.ref(v), f.c.Type, []int64{n, c, h, w}, []int64{h * w * s, 1, w * s, s})
}

// rows is a view as one matrix [1, N*H*W, C]; for [compiler.pixelwise] products as one
// image of N*H*W pixels in a column.
func (f *fusion) rows(name string, v view) *cudnn.Tensor {
	n, c, h, w, s := f.dims(v)
	m := n * h * w
	if f.c.pixelwise() {
		return f.stored(name, f.c.ref(v), f.c.Type, []int64{1, c, m, 1}, []int64{m * s, 1, s, s})
	}
	return f.stored(name, f.c.ref(v), f.c.Type, []int64{1, m, c}, []int64{m * s, s, 1})
}

func (f *fusion) dims(v view) (n, c, h, w, stride int64) {
	return int64(f.c.Rows), int64(v.shape.C), int64(v.shape.H), int64(v.shape.W), int64(v.stride)
}

// read and write note what the step touches.
func (f *fusion) read(refs ...Ref)  { f.reads = append(f.reads, refs...) }
func (f *fusion) write(refs ...Ref) { f.writes = append(f.writes, refs...) }

// pointwise appends y = fn(x, b).
func (f *fusion) pointwise(mode cudnn.PointwiseMode, x, b, y *cudnn.Tensor) {
	f.ops = append(f.ops, cudnn.Pointwise{Mode: mode, X: x, B: b, Y: y})
}

// epilogue appends what follows a product: sums in order, then the activation. Its last
// result is y; result says where that of each earlier operation goes.
func (f *fusion) epilogue(from *cudnn.Tensor, terms []*cudnn.Tensor, act model.Activation, y *cudnn.Tensor) {
	x := from
	to := func(last bool) *cudnn.Tensor {
		if last {
			return y
		}
		return f.virtual("sum", y)
	}
	for i, term := range terms {
		next := to(i == len(terms)-1 && act == model.Identity)
		f.pointwise(cudnn.PointwiseAdd, x, term, next)
		x = next
	}
	modes := map[model.Activation]cudnn.PointwiseMode{model.SiLU: cudnn.PointwiseSiLU,
		model.GELU: cudnn.PointwiseGELU, model.ReLU: cudnn.PointwiseReLU}
	if act != model.Identity {
		f.pointwise(modes[act], x, nil, y)
	}
}

// step appends the graph to the program.
func (f *fusion) step(name string, flops int64, layers ...int) {
	p := f.c.program
	p.Steps = append(p.Steps, Step{Name: name, FLOPs: flops, layers: layers,
		Fusion: &cudnn.Graph{Name: name, Ops: f.ops}, Operands: f.operands, reads: f.reads, writes: f.writes})
}
