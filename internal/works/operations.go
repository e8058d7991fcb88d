package works

import (
	"context"
	"fmt"

	"github.com/cudiffuse/cudiffuse/internal/workers"
	"github.com/cudiffuse/cudiffuse/model"
)

// Arithmetic of the element-wise kernels, as their assembly has it, an element.
const (
	siluFLOPs      = 26       // scale and shift 2, e^z 22, 1 + e, the quotient
	momentFLOPs    = 2 * 3    // in float64: two sums and a square
	normaliseFLOPs = 2 * 4    // in float64
	geluFLOPs      = 2 + 2*47 // scale and shift; in float64 t 3, polynomials 19 and 12, exponent 9, the rest
	softmaxFLOPs   = 25       // a score: greatest, difference, scale, limit, e^z 20, sum
)

const (
	whyRounded = "Products and sums are rounded one by one, as bit-exactness wants, so half of the peak is the most; "
	whySiLU    = whyRounded + "most of the time are the exponential and a division, which takes that of many products; the" +
		" float64 sums of the moments are of AVX2 at every level."
	whyGELU = whyRounded + "its arithmetic is in float64 with a division, and the conversions are not counted."
	whyNorm = whyRounded + "sums and products are in float64 and need conversions, which are not counted, and the values" +
		" are read twice."
	whyAttention = "The exponentials take a quarter of the time and copies of queries, keys and results a tenth or more;" +
		" the product loads a value from memory for each of its operations."
)

// operations are those of graphs that are not products, each a graph of its own.
func operations() []Work {
	var all []Work
	for _, s := range []struct{ c, side, norm, gelu int }{{64, 28, 2, 2}, {320, 64, 0, 0}} {
		n := int64(s.c * s.side * s.side)
		elements := func(name, why string, counted int, flops int64, op func(x model.Base) model.Op) {
			all = append(all, Work{Name: name, Size: fmt.Sprintf("%dx%dx%d", s.c, s.side, s.side), Why: why,
				Counted: counted, FLOPs: flops * n, Bytes: 8 * n, Open: operation(s.c, s.side, op)})
		}
		elements("GroupNorm and SiLU", whySiLU, s.norm, momentFLOPs+siluFLOPs, func(b model.Base) model.Op {
			return model.GroupNorm{Base: b, ScaleShift: model.NoTensor, Beta: 1, Channels: s.c, Groups: 32, Eps: 1e-5,
				Act: model.SiLU}
		})
		elements("LayerNorm", whyNorm, s.norm, momentFLOPs+normaliseFLOPs, func(b model.Base) model.Op {
			return model.LayerNorm{Base: b, Beta: 1, Channels: s.c, Eps: 1e-5}
		})
		elements("GELU", whyGELU, s.gelu, geluFLOPs, func(b model.Base) model.Op {
			return model.Act{Base: b, Fn: model.GELU}
		})
	}
	for _, s := range []struct{ c, heads, side, counted int }{{128, 4, 14, 1}, {320, 8, 32, 0}} {
		tokens := int64(s.side * s.side)
		all = append(all, Work{Name: "attention", Size: fmt.Sprintf("%d heads of %d, %d tokens", s.heads, s.c/s.heads, tokens),
			Why: whyAttention, Counted: s.counted, Bytes: 8 * tokens * int64(s.c), // Q, K and V are one tensor
			FLOPs: tokens * tokens * int64(4*s.c+softmaxFLOPs*s.heads),
			Open: operation(s.c, s.side, func(b model.Base) model.Op {
				return model.Attention{Base: b, Heads: s.heads}
			})})
	}
	return all
}

// operation opens a graph of one operation on tensor 0, c channels of side x side, with two weights of c values.
func operation(c, side int, op func(model.Base) model.Op) func(int) (*Run, error) {
	return func(threads int) (*Run, error) {
		g := &model.Graph{
			Tensors: []model.Tensor{{Name: "x"}, {Name: "y"}},
			Params:  []model.Param{{Name: "weight", Shape: []int{c}}, {Name: "bias", Shape: []int{c}}},
			Inputs:  []model.Input{{Kind: model.InputSample, Channels: c}},
			Ops:     []model.Op{op(model.Base{Name: "y", Y: 1})},
			Outputs: []model.TensorID{1},
		}
		w, err := model.NewWeights(g, [][]float32{values(c), values(c)})
		if err != nil {
			return nil, err
		}
		p := workers.New(threads)
		e, err := model.NewExecutor(g, w, 1, side, side, p)
		if err != nil {
			p.Close()
			return nil, err
		}
		in, out := model.Inputs{Sample: values(c * side * side)}, make([]float32, c*side*side)
		return &Run{Close: p.Close, Do: func() error { return e.Run(context.Background(), 1, in, out) }}, nil
	}
}
