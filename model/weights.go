package model

import (
	"fmt"
	"sync"

	"github.com/cudiffuse/cudiffuse/internal/gemm"
)

// Weights are the parameters of a graph. Their values are never changed. They are packed for
// the CPU once, when the first executor is compiled, so that every executor of a network
// shares them; weights that were loaded are packed in their own memory, so that there is one
// copy of them. Safe for concurrent use.
type Weights struct {
	graph *Graph
	data  []*tensor
	whole *Weights // whose packed layers these are, nil for its own; see within
	from  []int    // by operation, that of whole

	bfloat bool // the CPU has the layers in bfloat16

	mu     sync.Mutex
	packed bool
	convs  map[int]convLayer   // by operation
	lins   map[int]linearLayer // by operation
	err    error
}

// NewWeights binds the values of g.Params, in that order, row-major. The slices are
// kept, not copied. Wrong lengths give a [*WeightError].
func NewWeights(g *Graph, data [][]float32) (*Weights, error) {
	tensors := make([]*tensor, len(data))
	for i, v := range data {
		tensors[i] = newTensor(v)
		tensors[i].lent = true
	}
	return bindWeights(g, tensors)
}

// ownWeights is NewWeights for slices that nobody else has.
func ownWeights(g *Graph, data [][]float32) (*Weights, error) {
	tensors := make([]*tensor, len(data))
	for i, v := range data {
		tensors[i] = newTensor(v)
	}
	return bindWeights(g, tensors)
}

// bindWeights is NewWeights for tensors, which other weights may have too.
func bindWeights(g *Graph, data []*tensor) (*Weights, error) {
	if len(data) != len(g.Params) {
		return nil, graphErrorf("", "%d weights for %d parameters", len(data), len(g.Params))
	}
	for i, p := range g.Params {
		if data[i].n != p.Len() {
			return nil, &WeightError{Tensor: p.Name, Wanted: fmt.Sprint(p.Shape),
				Found: fmt.Sprintf("%d elements", data[i].n)}
		}
	}
	return &Weights{graph: g, data: data}, nil
}

// Param returns the values of a parameter, row-major; nil for NoParam. The caller
// must not change them. Where they are packed already it is a new copy, and where not, a
// copy is packed later: [Weights.Use] takes no memory.
func (w *Weights) Param(id ParamID) []float32 {
	if id < 0 || int(id) >= len(w.data) {
		return nil
	}
	return w.data[id].lend()
}

// Use calls f with the values of a parameter, row-major; nil for NoParam. f must not change them, keep
// them or use these weights.
func (w *Weights) Use(id ParamID, f func(values []float32)) {
	if id < 0 || int(id) >= len(w.data) {
		f(nil)
		return
	}
	w.data[id].use(f)
}

// Bytes is the size of the weights as float32, without what else the CPU keeps.
func (w *Weights) Bytes() int64 {
	var n int64
	for _, t := range w.data {
		n += 4 * int64(t.n)
	}
	return n
}

// leanBytes, which a test lowers, is how large weights and their transforms for Winograd's method may be together; the
// transforms of a larger network are made in every run. See [gemm.Packing].
var leanBytes int64 = 768 << 20

// lean tells whether the network is as large as that.
func (w *Weights) lean() bool {
	sum := w.Bytes()
	for _, op := range w.graph.Ops {
		if c, ok := op.(Conv2D); ok {
			sum += gemm.ConvShape(c.Shape).WinogradBytes()
		}
	}
	return sum > leanBytes
}

// UseBFloat16 has the CPU round the matrices of convolutions and linear layers to bfloat16, and their inputs and those
// of the products of attention when they run; sums, and all other operations, stay in float32. A rounding is off by 1/512 of a value at most. The matrices then take
// half the memory, and on processors with AMX products are several times as fast; results are the same bits on all levels. It
// comes before the first executor: later it is an error. [Weights.Param] and [Weights.Use] give what was rounded.
func (w *Weights) UseBFloat16() error {
	if w.whole != nil {
		return w.whole.UseBFloat16()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.packed && !w.bfloat {
		return graphErrorf("", "bfloat16: want it before the first executor")
	}
	w.bfloat = true
	return nil
}

// inBFloat16 tells whether [Weights.UseBFloat16] was called.
func (w *Weights) inBFloat16() bool {
	if w.whole != nil {
		return w.whole.inBFloat16()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bfloat
}

// pack makes the packed layers once.
func (w *Weights) pack() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.packed {
		w.packed = true
		w.err = w.packLayers()
	}
	return w.err
}

func (w *Weights) packLayers() error {
	if w.whole != nil {
		return w.share()
	}
	w.convs, w.lins = map[int]convLayer{}, map[int]linearLayer{}
	p := packer{lean: w.lean(), bfloat: w.bfloat}
	if !p.bfloat {
		p.spare = make([]float32, w.largest())
	}
	for i, op := range w.graph.Ops {
		var l layer
		var err error
		switch o := op.(type) {
		case Conv2D:
			l, err = p.pack(w.data[o.Weight], layerKind{conv: gemm.ConvShape(o.Shape)}, w.bias(o.Bias))
		case Linear:
			l, err = p.pack(w.data[o.Weight], layerKind{outF: o.OutF, inF: o.InF}, w.bias(o.Bias))
		}
		if err != nil {
			return &ShapeError{op.Kind() + " " + op.Label(), err.Error()}
		}
		switch l := l.(type) {
		case convLayer:
			w.convs[i] = l
		case linearLayer:
			w.lins[i] = l
		}
	}
	return nil
}

// largest is the elements of the largest parameter that is packed in its own memory.
func (w *Weights) largest() int {
	n := 0
	for _, op := range w.graph.Ops {
		if id := matrixOf(op); id != NoParam && w.data[id].mine() {
			n = max(n, w.data[id].n)
		}
	}
	return n
}

// matrixOf is the weight of a layer that is packed, a convolution or a linear one; NoParam for other operations.
func matrixOf(op Op) ParamID {
	switch o := op.(type) {
	case Conv2D:
		return o.Weight
	case Linear:
		return o.Weight
	}
	return NoParam
}

// bias is a parameter that may be missing.
func (w *Weights) bias(id ParamID) *tensor {
	if id == NoParam {
		return nil
	}
	return w.data[id]
}

// within are the weights for a graph of the same parameters with some of the operations: from[i] is what operation i
// was. They are packed with w.
func (w *Weights) within(g *Graph, from []int) *Weights {
	return &Weights{graph: g, data: w.data, whole: w, from: from}
}

// share takes the packed layers of whole.
func (w *Weights) share() error {
	if err := w.whole.pack(); err != nil {
		return err
	}
	w.convs, w.lins = map[int]convLayer{}, map[int]linearLayer{}
	for i, k := range w.from {
		if c, ok := w.whole.convs[k]; ok {
			w.convs[i] = c
		}
		if l, ok := w.whole.lins[k]; ok {
			w.lins[i] = l
		}
	}
	return nil
}
