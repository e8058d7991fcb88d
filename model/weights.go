package model

import (
	"fmt"
	"sync"

	"github.com/cudiffuse/cudiffuse/internal/gemm"
)

// Weights are the parameters of a graph. They are never changed, and are packed for
// the CPU once, when the first executor is compiled, so that every executor of a
// network shares them. Safe for concurrent use.
type Weights struct {
	graph *Graph
	data  [][]float32
	whole *Weights // whose packed layers these are, nil for its own; see within
	from  []int    // by operation, that of whole

	once  sync.Once
	convs map[int]*gemm.Conv   // by operation
	lins  map[int]*gemm.Linear // by operation
	err   error
}

// NewWeights binds the values of g.Params, in that order, row-major. The slices are
// kept, not copied. Wrong lengths give a [*WeightError].
func NewWeights(g *Graph, data [][]float32) (*Weights, error) {
	if len(data) != len(g.Params) {
		return nil, graphErrorf("", "%d weights for %d parameters", len(data), len(g.Params))
	}
	for i, p := range g.Params {
		if len(data[i]) != p.Len() {
			return nil, &WeightError{Tensor: p.Name, Wanted: fmt.Sprint(p.Shape),
				Found: fmt.Sprintf("%d elements", len(data[i]))}
		}
	}
	return &Weights{graph: g, data: data}, nil
}

// Param returns the values of a parameter, row-major; nil for NoParam. The caller
// must not change them.
func (w *Weights) Param(id ParamID) []float32 {
	if id < 0 || int(id) >= len(w.data) {
		return nil
	}
	return w.data[id]
}

// Bytes is the size of the weights as float32, without the packed copies.
func (w *Weights) Bytes() int64 {
	var n int64
	for _, d := range w.data {
		n += 4 * int64(len(d))
	}
	return n
}

// pack makes the packed layers once.
func (w *Weights) pack() error {
	w.once.Do(func() {
		if w.whole != nil {
			w.err = w.share()
			return
		}
		w.convs, w.lins = map[int]*gemm.Conv{}, map[int]*gemm.Linear{}
		for i, op := range w.graph.Ops {
			switch o := op.(type) {
			case Conv2D:
				s := gemm.ConvShape(o.Shape)
				w.convs[i], w.err = gemm.NewConv(s, w.Param(o.Weight), w.Param(o.Bias))
			case Linear:
				w.lins[i], w.err = gemm.NewLinear(o.OutF, o.InF, w.Param(o.Weight), w.Param(o.Bias))
			}
			if w.err != nil {
				w.err = &ShapeError{op.Kind() + " " + op.Label(), w.err.Error()}
				return
			}
		}
	})
	return w.err
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
	w.convs, w.lins = map[int]*gemm.Conv{}, map[int]*gemm.Linear{}
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
