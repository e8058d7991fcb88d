package model

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPixArtOps: vectors, exactly.
func TestPixArtOps(t *testing.T) {
	table := []float32{10, 20, 30, 40, 50, 60}
	add := func(b *builder, in TensorID) {
		b.add(AddTable{Base: b.base("a", 6), X: in, Table: b.param("t", "", 2, 3), Parts: 2, Channels: 3})
	}
	require.Equal(t, []float32{11, 22, 33, 41, 52, 63, 14, 25, 36, 44, 55, 66},
		runOp(t, Shape{3, 1, 1}, 2, []float32{1, 2, 3, 4, 5, 6}, [][]float32{table}, add), "one part for all")
	require.Equal(t, []float32{11, 22, 33, 44, 55, 66},
		runOp(t, Shape{6, 1, 1}, 1, []float32{1, 2, 3, 4, 5, 6}, [][]float32{table}, add), "part by part")
	require.Equal(t, []float32{3, 6}, runOp(t, Shape{3, 1, 1}, 2, []float32{1, 2, 3, 4, 5, 6}, nil,
		func(b *builder, in TensorID) { b.add(TakeChannel{Base: b.base("t", 1), X: in, Index: 2}) }))
}

func TestPixArtOpErrors(t *testing.T) {
	for _, op := range []Op{
		AddTable{Parts: 2, Channels: 4}, AddTable{Parts: 4, Channels: 2}, AddTable{Parts: 0, Channels: 6},
		AddTable{Parts: 1}, AddTable{Parts: maxChannels, Channels: 6},
		TakeChannel{Index: -1}, TakeChannel{Index: 6},
	} {
		_, err := op.infer(func(TensorID) Shape { return Shape{6, 1, 1} })
		var e *ShapeError
		require.ErrorAs(t, err, &e, "%+v", op)
	}
	for _, op := range []Op{AddTable{Parts: 2, Channels: 3}, TakeChannel{}} {
		_, err := op.infer(func(TensorID) Shape { return Shape{6, 1, 1} })
		require.NoError(t, err)
		for _, x := range []Shape{{6, 2, 1}, {6, 1, 2}} {
			_, err = op.infer(func(TensorID) Shape { return x })
			var e *ShapeError
			require.ErrorAs(t, err, &e, "%+v", op)
		}
	}
}
