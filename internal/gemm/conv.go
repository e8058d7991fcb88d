package gemm

import (
	"sync"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// Conv is a 2-D convolution with its weights packed. It is immutable; any number of goroutines
// may run it at once, each with its own dst and scratch.
type Conv struct {
	shape   ConvShape
	tiling  tiling
	weights panels
	wino    *winograd // transformed weights, if they are kept
	direct  bool      // never Winograd's method
	bias    []float32
	runs    sync.Pool // *convRun, so that Run allocates nothing once warm
}

// NewConv packs weights, [OutC, InC, KH, KW] row-major, and copies bias, which is nil or has OutC
// values. It returns a *ShapeError when a dimension or a length is wrong.
func NewConv(s ConvShape, weights []float32, bias []float32) (*Conv, error) {
	return PackConv(s, weights, bias, Packing{})
}

// PackConv is [NewConv] with the memory of the weights under control.
func PackConv(s ConvShape, weights []float32, bias []float32, o Packing) (*Conv, error) {
	if err := s.Check(len(weights), len(bias)); err != nil {
		return nil, err
	}
	t := simd.tiling()
	c := &Conv{shape: s, tiling: t, weights: newPanels(s.OutC, s.k(), t.m, t.kBlock)}
	c.weights.data = o.room(len(weights))
	c.weights.pack(t.level, weights)
	c.weights.data = o.settle(c.weights.data, weights)
	if !o.Lean && s.WinogradBytes() > 0 {
		c.wino = newWinograd(t.level, &c.weights)
	}
	if len(bias) > 0 {
		c.bias = append(c.bias, bias...)
	}
	c.runs.New = func() any { return &convRun{conv: c} }
	return c, nil
}

// Weights copies the weights to dst, in the order they were given in.
func (c *Conv) Weights(dst []float32) { c.weights.unpack(dst[:c.shape.OutC*c.shape.k()]) }

// OutSize returns the output's height and width for an input of h x w pixels; both are 0 when the
// kernel does not fit into the padded input.
func (c *Conv) OutSize(h, w int) (oh, ow int) { return c.shape.OutSize(h, w) }

// OutSize is [Conv.OutSize] of a convolution of the shape.
func (s ConvShape) OutSize(h, w int) (oh, ow int) {
	fh, fw := h+s.PadT+s.PadB-s.KH, w+s.PadL+s.PadR-s.KW
	if h < 1 || w < 1 || fh < 0 || fw < 0 {
		return 0, 0
	}
	return fh/s.Stride + 1, fw/s.Stride + 1
}

// Scratch returns how many float32s Run wants for n images of h x w pixels, or for fewer. It does not depend
// on the number of threads.
func (c *Conv) Scratch(n, h, w int) int {
	switch {
	case c.useWinograd(h, w):
		return c.madeScratch(n, h, w)
	case c.shape.unpadded():
		return 0
	}
	return n*c.shape.Geometry(h, w).Image + spanMax
}

// FLOPs returns the arithmetic of a Run by the direct method, two operations per product and sum;
// the products with padding count too, the bias does not.
func (c *Conv) FLOPs(n, h, w int) int64 { return c.shape.FLOPs(n, h, w) }

// FLOPs is [Conv.FLOPs] of a convolution of the shape.
func (s ConvShape) FLOPs(n, h, w int) int64 {
	oh, ow := s.OutSize(h, w)
	return 2 * int64(n) * int64(oh) * int64(ow) * int64(s.OutC) * int64(s.k())
}

// MethodFLOPs is the arithmetic of the method that Run takes after [NewConv]: for Winograd's, two
// operations for each of the 36 products of a tile and pair of channels, without the transforms;
// else FLOPs.
func (s ConvShape) MethodFLOPs(n, h, w int) int64 {
	oh, ow := s.OutSize(h, w)
	if !s.isWinograd() || !winoFills(oh, ow) {
		return s.FLOPs(n, h, w)
	}
	th, tw := winoTiles(oh, ow)
	return 2 * int64(n) * int64(th) * int64(tw) * winoTerms * int64(s.OutC) * int64(s.InC)
}

// Direct returns the convolution by the direct method for every size, to compare the methods. It
// shares the weights.
func (c *Conv) Direct() *Conv {
	d := &Conv{shape: c.shape, tiling: c.tiling, weights: c.weights, bias: c.bias, direct: true}
	d.runs.New = func() any { return &convRun{conv: d} }
	return d
}

// Run convolves src, [n, InC, h, w], into dst, [n, OutC, oh, ow] with oh and ow from OutSize, on
// p's threads (nil: the caller's). scratch has Scratch(n, h, w) elements or more of any content.
// The slices may be longer than needed, and must not overlap. A slice that is too short is a
// programmer's error: Run panics before it writes anything.
func (c *Conv) Run(p *workers.Pool, dst, src []float32, n, h, w int, scratch []float32) {
	c.RunFused(p, dst, src, n, h, w, scratch, Fused{})
}

// RunFused is Run with what is fused.
func (c *Conv) RunFused(p *workers.Pool, dst, src []float32, n, h, w int, scratch []float32, f Fused) {
	oh, ow := c.OutSize(h, w)
	if n < 1 || oh == 0 {
		return
	}
	r := c.runs.Get().(*convRun)
	r.setSize(n, h, w, oh*ow)
	r.fused = f
	r.fused.check(r)
	image, _ := r.planes()
	r.src = src[:n*image]
	r.dst = dst[:n*c.shape.OutC*oh*ow]
	r.cols = r.src
	winograd := c.useWinograd(h, w)
	scratch = scratch[:c.Scratch(n, h, w)]
	if len(scratch) > 0 && !winograd {
		r.cols = scratch
		r.planesPerJob = max(1, padJob/r.geo.Plane)
		p.Run(ceilDiv(n*c.shape.InC, r.planesPerJob), (*padTask)(r))
	}
	switch {
	case winograd:
		r.runWinograd(p, oh, ow, scratch)
	case r.isFew():
		p.Run(r.splitFew(), (*fewTask)(r))
	default:
		r.runDirect(p)
	}
	r.src, r.dst, r.cols, r.fused = nil, nil, nil, Fused{}
	c.runs.Put(r)
}
