package model

import (
	"sync"

	"github.com/cudiffuse/cudiffuse/internal/bfloat"
	"github.com/cudiffuse/cudiffuse/internal/gemm"
	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// tensor is the values of a parameter, row-major or packed in a layer; both where others may have the
// slice. Packing only moves values, or rounds them, so each form gives the other.
type tensor struct {
	n int

	mu     sync.Mutex
	values []float32 // row-major; nil once they are packed in their own memory
	lent   bool      // others may have that slice
	layers map[layerKind]layer
}

// layer is a convolution or a linear layer, its weights packed in float32 or bfloat16.
type layer interface {
	Weights(dst []float32)
}

// convLayer is a *gemm.Conv or a *bfloat.Conv.
type convLayer interface {
	layer
	Scratch(n, h, w int) int
	Run(p *workers.Pool, dst, src []float32, n, h, w int, scratch []float32)
}

// linearLayer is a *gemm.Linear or a *bfloat.Linear.
type linearLayer interface {
	layer
	Scratch(rows int) int
	Run(p *workers.Pool, dst, src []float32, rows int, scratch []float32)
}

// layerKind tells a layer from others that are made of the same weights.
type layerKind struct {
	conv      gemm.ConvShape // of a convolution
	outF, inF int            // of a linear layer
	lean      bool
	bfloat    bool
	bias      *tensor
}

func newTensor(values []float32) *tensor { return &tensor{n: len(values), values: values} }

// lend returns the values to someone who may keep them.
func (t *tensor) lend() []float32 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.values == nil {
		return t.unpacked()
	}
	t.lent = true
	return t.values
}

// use lends the values while f runs.
func (t *tensor) use(f func(values []float32)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.values == nil {
		f(t.unpacked())
		return
	}
	f(t.values)
}

// mine tells whether nobody else has the values.
func (t *tensor) mine() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.values != nil && !t.lent
}

// unpacked is a copy of the values out of any of the layers.
func (t *tensor) unpacked() []float32 {
	values := make([]float32, t.n)
	for _, l := range t.layers {
		l.Weights(values)
		break
	}
	return values
}

// packer packs the tensors of a network.
type packer struct {
	lean   bool
	bfloat bool
	spare  []float32 // room for the largest tensor, on its way
}

// pack returns the layer of a kind, made if there is none. The bias may be nil.
func (p *packer) pack(t *tensor, kind layerKind, bias *tensor) (layer, error) {
	kind.lean, kind.bfloat, kind.bias = p.lean, p.bfloat, bias
	var b []float32
	if bias != nil {
		bias.use(func(values []float32) { b = append(b, values...) })
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if l, ok := t.layers[kind]; ok {
		return l, nil
	}
	values, mine := t.values, !t.lent
	if values == nil {
		values, mine = t.unpacked(), true
	}
	o := gemm.Packing{InPlace: mine, Spare: p.spare, Lean: p.lean}
	l, err := kind.pack(values, b, o)
	if err != nil {
		return nil, err // before the values were touched
	}
	if mine {
		t.values = nil
	}
	if t.layers == nil {
		t.layers = map[layerKind]layer{}
	}
	t.layers[kind] = l
	return l, nil
}

// pack makes a layer.
func (k *layerKind) pack(values, bias []float32, o gemm.Packing) (layer, error) {
	switch {
	case k.outF > 0 && k.bfloat:
		return bfloat.NewLinear(k.outF, k.inF, values, bias)
	case k.outF > 0:
		return gemm.PackLinear(k.outF, k.inF, values, bias, o)
	case k.bfloat:
		return bfloat.NewConv(k.conv, values, bias)
	}
	return gemm.PackConv(k.conv, values, bias, o)
}
