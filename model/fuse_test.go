package model

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// always fuses every convolution.
func always(int) bool { return true }

// fuseGraph has convolutions of four channels over x, made by the caller.
func fuseGraph(outputs []TensorID, ops ...Op) *Graph {
	g := &Graph{Inputs: []Input{{Kind: InputSample, Tensor: 0, Channels: 4}}, Ops: ops, Outputs: outputs}
	for range len(ops) + 1 {
		g.Tensors = append(g.Tensors, Tensor{})
	}
	return g
}

// conv3 is a 3x3 convolution that keeps the size.
func conv3(x, y TensorID) Conv2D {
	return Conv2D{Base: Base{Y: y}, X: x, Shape: ConvShape{4, 4, 3, 3, 1, 1, 1, 1, 1}}
}

func TestFuse(t *testing.T) {
	add := func(a, b, y TensorID) Add { return Add{Base: Base{Y: y}, A: a, B: b, Div: 1} }
	up := func(x, y TensorID) Resample { return Resample{Base: Base{Y: y}, X: x, Mode: UpNearest} }
	row := func(x, v, y TensorID) AddChannel { return AddChannel{Base: Base{Y: y}, X: x, V: v} }
	conv1 := conv3(0, 2)
	conv1.Shape = ConvShape{4, 4, 1, 1, 1, 0, 0, 0, 0}
	half := add(1, 2, 3)
	half.Div = 2
	down := up(0, 1)
	down.Mode = DownMean
	for _, c := range []struct {
		name    string
		g       *Graph
		want    []string
		fused   fusedConv // the last one
		indexes []int
	}{
		{"a sum takes the later of two convolutions", fuseGraph([]TensorID{3}, conv3(0, 1), conv1, add(1, 2, 3)),
			[]string{"Conv2D", "Conv2D"}, fusedConv{index: 1, row: -1, residual: 1}, []int{0, 2}},
		{"in either order", fuseGraph([]TensorID{3}, conv3(0, 1), conv1, add(2, 1, 3)),
			[]string{"Conv2D", "Conv2D"}, fusedConv{index: 1, row: -1, residual: 1}, []int{0, 2}},
		{"the other one if that is read elsewhere", fuseGraph([]TensorID{3, 2}, conv3(0, 1), conv1, add(1, 2, 3)),
			[]string{"Conv2D", "Conv2D"}, fusedConv{index: 0, row: -1, residual: 2}, []int{1, 2}},
		{"a vector, then a tensor", fuseGraph([]TensorID{3}, conv3(0, 1), row(1, 0, 2), add(2, 0, 3)),
			[]string{"Conv2D"}, fusedConv{index: 0, row: 0, residual: 0}, []int{2}},
		{"no vector after a tensor", fuseGraph([]TensorID{3}, conv3(0, 1), add(1, 0, 2), row(2, 0, 3)),
			[]string{"Conv2D", "AddChannel"}, fusedConv{index: 0, row: -1, residual: 0}, []int{1, 2}},
		{"enlarged", fuseGraph([]TensorID{2}, up(0, 1), conv3(1, 2)),
			[]string{"Conv2D"}, fusedConv{index: 1, up: true, row: -1, residual: -1}, []int{1}},
		{"enlarged for others too", fuseGraph([]TensorID{2, 1}, up(0, 1), conv3(1, 2)),
			[]string{"Resample", "Conv2D"}, fusedConv{index: 1, row: -1, residual: -1}, []int{0, 1}},
		{"reduced", fuseGraph([]TensorID{2}, down, conv3(1, 2)),
			[]string{"Resample", "Conv2D"}, fusedConv{index: 1, row: -1, residual: -1}, []int{0, 1}},
		{"a tensor added to itself", fuseGraph([]TensorID{2}, conv3(0, 1), add(1, 1, 2)),
			[]string{"Conv2D", "Add"}, fusedConv{index: 0, row: -1, residual: -1}, []int{0, 1}},
		{"an output in between", fuseGraph([]TensorID{1, 2}, conv3(0, 1), add(1, 0, 2)),
			[]string{"Conv2D", "Add"}, fusedConv{index: 0, row: -1, residual: -1}, []int{0, 1}},
		{"a mean", fuseGraph([]TensorID{3}, conv3(0, 1), conv1, half),
			[]string{"Conv2D", "Conv2D", "Add"}, fusedConv{index: 1, row: -1, residual: -1}, []int{0, 1, 2}},
	} {
		got, indexes := fuse(c.g, always)
		var kinds []string
		var last fusedConv
		for _, op := range got.Ops {
			kinds = append(kinds, op.Kind())
			if f, ok := op.(fusedConv); ok {
				last = f
			}
		}
		require.Equal(t, c.want, kinds, c.name)
		last.Conv2D = Conv2D{}
		require.Equal(t, c.fused, last, c.name)
		require.Equal(t, c.indexes, indexes, c.name)
		require.Equal(t, c.g.Ops[len(c.g.Ops)-1].Writes(), got.Ops[len(got.Ops)-1].Writes(), c.name)
	}
}

// TestFuseKeepsBits runs networks with nothing fused, one operation after the other.
func TestFuseKeepsBits(t *testing.T) {
	u, _ := openBundled(t)
	in := randomInputs(u, 3)
	pool := workers.New(2)
	defer pool.Close()
	e, err := u.Compile(3, pool)
	require.NoError(t, err)
	require.Less(t, len(e.steps), len(u.Graph().Ops)*5/6, "some are fused")
	got := make([]float32, 3*e.OutShape().Len())
	require.NoError(t, e.Run(t.Context(), 3, in, got))

	w := u.Weights()
	plain, index := fuse(u.Graph(), func(int) bool { return false })
	require.Len(t, plain.Ops, len(u.Graph().Ops))
	apart := &Executor{graph: u.Graph(), shapes: e.shapes, batch: 3, pool: pool}
	var steps []boundStep
	var scratch []int
	for i, op := range plain.Ops {
		s, n, err := apart.bindOp(w, index[i], op)
		require.NoError(t, err)
		steps, scratch = append(steps, s), append(scratch, n)
	}
	l, err := planMemory(plain, e.shapes, 3, scratch)
	require.NoError(t, err)
	apart.arena = make([]float32, l.size)
	apart.attach(l, scratch, steps)
	want := make([]float32, len(got))
	require.NoError(t, apart.Run(t.Context(), 3, in, want))
	sameBits(t, want, got, "fused")
}
