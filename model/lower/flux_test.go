package lower

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
)

// TestFluxIsRefused: the operations of FLUX have no kernel yet, nor has its guidance a place, which
// an error says that names the first of them.
func TestFluxIsRefused(t *testing.T) {
	for _, test := range []struct{ name, kind, layer string }{
		{"flux_dev", "TimestepEmbedding", "guidance_proj"}, {"flux_schnell", "PixelUnshuffle", "pack"},
	} {
		b, err := os.ReadFile("../testdata/" + test.name + "/config.json")
		require.NoError(t, err)
		n, err := model.ParseNetwork(test.name, b)
		require.NoError(t, err)
		for _, ty := range []cudnn.DType{cudnn.Float32, cudnn.Float16, cudnn.BFloat16} {
			_, err := Lower(n.Graph(), Options{Rows: 2, Size: model.Size{H: 8, W: 8, Tokens: 5}, Type: ty})
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, test.kind, e.Kind, test.name)
			require.Equal(t, test.layer, e.Layer, test.name)
		}
	}
}

// TestFluxOperationsAreRefused: each alone, in a graph of its own.
func TestFluxOperationsAreRefused(t *testing.T) {
	base := model.Base{Name: "op", Y: 1}
	for _, op := range []model.Op{
		model.HeadRMSNorm{Base: base, X: 0, Channels: 4, Heads: 2, Eps: 1},
		model.JoinTokens{Base: base, A: 0, B: 0},
		model.TakeTokens{Base: base, X: 0, Like: 0},
		model.Rotary{Base: base, X: 0, Like: 0, Heads: 1, Axes: [3]int{0, 2, 2}, Theta: 10000},
		model.PixelUnshuffle{Base: base, X: 0, Side: 2},
		model.PixelShuffle{Base: base, X: 0, Side: 2},
	} {
		g := &model.Graph{
			Tensors: []model.Tensor{{Name: "Sample"}, {Name: "op"}},
			Params:  []model.Param{{Name: "op.weight", Shape: []int{2}}},
			Inputs:  []model.Input{{Kind: model.InputSample, Tensor: 0, Channels: 4}},
			Ops:     []model.Op{op}, Outputs: []model.TensorID{1},
		}
		require.NoError(t, g.Validate())
		_, err := Lower(g, Options{Rows: 1, Size: model.Size{H: 2, W: 2}, Type: cudnn.Float32})
		var e *Error
		require.ErrorAs(t, err, &e, "%T", op)
		require.Equal(t, op.Kind(), e.Kind)
	}
}
