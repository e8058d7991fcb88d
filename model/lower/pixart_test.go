package lower

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
)

// TestPixArtIsRefused: it has no kernels yet, which an error says that names its first operation
// without one.
func TestPixArtIsRefused(t *testing.T) {
	for _, name := range []string{"pixart_alpha", "pixart_sigma"} {
		b, err := os.ReadFile("../testdata/" + name + "/config.json")
		require.NoError(t, err)
		n, err := model.ParseNetwork(name, b)
		require.NoError(t, err)
		for _, ty := range []cudnn.DType{cudnn.Float32, cudnn.Float16, cudnn.BFloat16} {
			_, err := Lower(n.Graph(), Options{Rows: 2, Size: model.Size{H: 8, W: 8, Tokens: 5}, Type: ty})
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, "GridPositions", e.Kind, name)
			require.Equal(t, "pos_embed", e.Layer, name)
		}
	}
}

// TestPixArtOperationsAreRefused: those that no other network has, each alone in a graph of its own.
func TestPixArtOperationsAreRefused(t *testing.T) {
	base := model.Base{Name: "op", Y: 1}
	for _, op := range []model.Op{
		model.AddTable{Base: base, X: 0, Table: 0, Parts: 2, Channels: 2},
		model.TakeChannel{Base: base, X: 0, Index: 1},
	} {
		g := &model.Graph{
			Tensors: []model.Tensor{{Name: "Sample"}, {Name: "op"}},
			Params:  []model.Param{{Name: "op.weight", Shape: []int{2, 2}}},
			Inputs:  []model.Input{{Kind: model.InputSample, Tensor: 0, Channels: 4}},
			Ops:     []model.Op{op}, Outputs: []model.TensorID{1},
		}
		require.NoError(t, g.Validate())
		_, err := Lower(g, Options{Rows: 1, Size: model.Size{H: 1, W: 1}, Type: cudnn.Float32})
		var e *Error
		require.ErrorAs(t, err, &e, "%T", op)
		require.Equal(t, op.Kind(), e.Kind)
	}
}
