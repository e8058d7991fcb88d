package model

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestValidate breaks a good graph in every way that Validate looks for.
func TestValidate(t *testing.T) {
	fresh := func() *Graph { return randomUNet(t, "testdata/unet2d_class/config.json").Graph() }
	require.NoError(t, fresh().Validate())
	firstOf := func(g *Graph, kind string) int {
		return slices.IndexFunc(g.Ops, func(o Op) bool { return o.Kind() == kind })
	}
	cases := map[string]func(g *Graph){
		"before it is written": func(g *Graph) { g.Ops[1], g.Ops[2] = g.Ops[2], g.Ops[1] },
		"written twice":        func(g *Graph) { g.Ops = append(g.Ops, g.Ops[5]) },
		"does not exist": func(g *Graph) {
			g.Ops = append(g.Ops, Act{Base: Base{"far", TensorID(len(g.Tensors))}, X: 0})
		},
		"wrong element type": func(g *Graph) { g.Tensors[0].Type = Int64 },
		"not Float32":        func(g *Graph) { g.Tensors[g.Ops[2].Writes()].Type = Int64 },
		"reads integers": func(g *Graph) {
			g.Ops = append(g.Ops, Act{Base: Base{"ints", 0}, X: g.Inputs[2].Tensor})
		},
		"not Int64": func(g *Graph) {
			i := firstOf(g, "Lookup")
			o := g.Ops[i].(Lookup)
			o.Class = g.Inputs[1].Tensor
			g.Ops[i] = o
		},
		"is an input": func(g *Graph) { g.Outputs = []TensorID{0} },
		"weight -1": func(g *Graph) {
			i := firstOf(g, "Linear")
			o := g.Ops[i].(Linear)
			o.Weight = NoParam
			g.Ops[i] = o
		},
		"the operation needs": func(g *Graph) { g.Params[0].Shape = []int{1} },
		"no output":           func(g *Graph) { g.Outputs = nil },
		"is never written": func(g *Graph) {
			g.Tensors = append(g.Tensors, Tensor{Name: "nobody"})
			g.Outputs = []TensorID{TensorID(len(g.Tensors) - 1)}
		},
	}
	for want, breakIt := range cases {
		g := fresh()
		breakIt(g)
		var e *GraphError
		require.ErrorAs(t, g.Validate(), &e, want)
		require.ErrorContains(t, e, want)
		w, _ := NewWeights(g, make([][]float32, len(g.Params)))
		_, err := NewExecutor(g, w, 1, 12, 12, nil)
		require.ErrorAs(t, err, &e, want)
	}
}

// TestShapeErrors: operands that do not fit together are refused by inference.
func TestShapeErrors(t *testing.T) {
	vector := Shape{4, 1, 1}
	image := Shape{4, 6, 6}
	at := func(id TensorID) Shape {
		return map[TensorID]Shape{0: image, 1: vector, 2: {8, 6, 6}, 3: {4, 3, 3}}[id]
	}
	conv := ConvShape{OutC: 2, InC: 4, KH: 3, KW: 3, Stride: 1}
	for _, op := range []Op{
		Conv2D{X: 2, Shape: conv}, Conv2D{X: 1, Shape: conv}, Conv2D{X: 0, Shape: ConvShape{InC: 4}},
		Linear{X: 0, InF: 4, OutF: 2}, Linear{X: 1, InF: 5, OutF: 2},
		GroupNorm{X: 0, Channels: 4, Groups: 3, ScaleShift: NoTensor},
		GroupNorm{X: 0, Channels: 4, ScaleShift: NoTensor},
		GroupNorm{X: 0, Channels: 4, Groups: 2, ScaleShift: 1},
		Add{A: 0, B: 2}, AddChannel{X: 2, V: 1}, AddChannel{X: 0, V: 0}, Concat{A: 0, B: 3},
		Attention{Q: 0, K: 0, V: 2, Heads: 2}, Attention{Q: 0, K: 0, V: 0, Heads: 3}, Attention{Q: 0, K: 0, V: 0},
		Resample{X: 1, Mode: DownFIR}, Resample{X: 0, Mode: 9}, DivRow{X: 0, T: 0},
		TimestepEmbedding{T: 0}, FourierEmbedding{T: 0}, Lookup{Class: 0},
	} {
		_, err := op.infer(at)
		var e *ShapeError
		require.ErrorAs(t, err, &e, "%#v", op)
	}
	s, err := Conv2D{X: 0, Shape: ConvShape{OutC: 2, InC: 4, KH: 3, KW: 3, Stride: 2, PadB: 1, PadR: 1}}.infer(at)
	require.NoError(t, err)
	require.Equal(t, Shape{2, 3, 3}, s)
}

// TestGraphIsData: the operations that a backend meets, counted, and none it does not know.
func TestGraphIsData(t *testing.T) {
	count := map[string]int{}
	for _, op := range randomUNet(t, "testdata/fashion_config/config.json").Graph().Ops {
		count[op.Kind()]++
		switch op.(type) {
		case Conv2D, Linear, GroupNorm, Act, Add, AddChannel, Concat, Attention, Resample,
			TimestepEmbedding, FourierEmbedding, Lookup, Affine, DivRow:
		default:
			t.Errorf("unknown operation %T", op)
		}
	}
	// 3 + 2 + 6 resnets of 2 convolutions, 8 shortcuts (64, 128 down, 6 up), 4
	// attentions of 4, 2 + 2 changes of size, first and last.
	require.Equal(t, 2*11+8+16+4+2, count["Conv2D"])
	require.Equal(t, 4, count["Attention"])
	require.Equal(t, 2+11, count["Linear"])
}
