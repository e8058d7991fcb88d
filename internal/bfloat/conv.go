package bfloat

import (
	"sync"

	"github.com/cudiffuse/cudiffuse/internal/gemm"
	"github.com/cudiffuse/cudiffuse/internal/half"
	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// Conv is a 2-D convolution with its weights in bfloat16. It is immutable; any number of goroutines may run it at
// once, each with its own dst and scratch.
type Conv struct {
	shape   gemm.ConvShape
	k       int
	blocks  int
	panels  int       // of 16 output channels
	weights []uint16  // A: a row of tiles for each panel; channels past OutC are 0
	bias    []float32 // a tile for each panel, its rows the channels'
	runs    sync.Pool // *convRun
}

// NewConv rounds and packs weights, [OutC, InC, KH, KW] row-major, and copies bias, which is nil or has OutC values. It
// returns a *gemm.ShapeError when a dimension or a length is wrong.
func NewConv(s gemm.ConvShape, weights, bias []float32) (*Conv, error) {
	if err := s.Check(len(weights), len(bias)); err != nil {
		return nil, err
	}
	k := s.InC * s.KH * s.KW
	c := &Conv{shape: s, k: k, blocks: blocks(k), panels: (s.OutC + side - 1) / side}
	c.weights = make([]uint16, c.panels*c.blocks*tile)
	for o := range s.OutC {
		row := c.weights[o/side*c.blocks*tile:]
		for i, v := range weights[o*k:][:k] {
			row[placeA(i, o%side)] = half.BFloat16(v)
		}
	}
	c.bias = make([]float32, c.panels*side*side)
	for o, v := range bias {
		row := c.bias[o*side:][:side]
		for i := range row {
			row[i] = v
		}
	}
	c.runs.New = func() any { return &convRun{conv: c} }
	return c, nil
}

// Weights copies the weights, as rounded, to dst, in the order they were given in.
func (c *Conv) Weights(dst []float32) {
	for o := range c.shape.OutC {
		row := c.weights[o/side*c.blocks*tile:]
		for i := range dst[o*c.k:][:c.k] {
			dst[o*c.k+i] = half.BFloat16ToFloat32(row[placeA(i, o%side)])
		}
	}
}

// Scratch returns how many float32s Run wants for n images of h x w pixels: the padded copy in bfloat16.
func (c *Conv) Scratch(n, h, w int) int { return (n*c.shape.Geometry(h, w).Image + 1) / 2 }

// Run convolves src, [n, InC, h, w], into dst, [n, OutC, oh, ow] with oh and ow from the shape's OutSize, on p's threads
// (nil: the caller's). scratch has Scratch(n, h, w) elements or more of any content. The slices may be longer than
// needed, and must not overlap. A slice that is too short is a programmer's error: Run panics before it writes anything.
func (c *Conv) Run(p *workers.Pool, dst, src []float32, n, h, w int, scratch []float32) {
	oh, ow := c.shape.OutSize(h, w)
	if n < 1 || oh == 0 {
		return
	}
	r := c.runs.Get().(*convRun)
	r.setSize(n, h, w, oh*ow)
	r.src, r.dst = src[:n*c.shape.InC*h*w], dst[:n*c.shape.OutC*oh*ow]
	r.cols = Words(scratch[:c.Scratch(n, h, w)])
	r.planesPerJob = max(1, padJob/r.geo.Plane)
	p.Run((n*c.shape.InC+r.planesPerJob-1)/r.planesPerJob, (*padTask)(r))
	p.Run(r.split(p.Threads()), (*productTask)(r))
	r.src, r.dst, r.cols = nil, nil, nil
	c.runs.Put(r)
}
