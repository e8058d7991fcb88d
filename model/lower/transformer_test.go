package lower

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
)

// TestTransformersAreRefused: the operations of transformers over patches have no kernel yet, which an
// error says that names the first of them.
func TestTransformersAreRefused(t *testing.T) {
	b, err := os.ReadFile("../testdata/dit/config.json")
	require.NoError(t, err)
	n, err := model.ParseNetwork("dit", b)
	require.NoError(t, err)
	for _, ty := range []cudnn.DType{cudnn.Float32, cudnn.Float16, cudnn.BFloat16} {
		_, err := Lower(n.Graph(), Options{Rows: 2, Size: model.Size{H: n.Height(), W: n.Width()}, Type: ty})
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Equal(t, "GridPositions", e.Kind)
		require.Equal(t, "pos_embed", e.Layer)
	}
}

// TestUnknownOperationsAreRefused: each alone, in a graph of its own.
func TestUnknownOperationsAreRefused(t *testing.T) {
	for _, op := range []model.Op{
		model.AdaLayerNorm{Base: model.Base{Name: "op", Y: 2}, X: 0, V: 1, Channels: 4, Scale: 1, Eps: 1},
		model.GatedAdd{Base: model.Base{Name: "op", Y: 2}, A: 0, B: 0, V: 1},
		model.GridPositions{Base: model.Base{Name: "op", Y: 2}, X: 0, Side: 2, Interpolation: 1},
		model.Unpatchify{Base: model.Base{Name: "op", Y: 2}, X: 0, Like: 0, Patch: 1},
		model.Act{Base: model.Base{Name: "op", Y: 2}, X: 0, Fn: model.GELUTanh},
	} {
		g := &model.Graph{
			Tensors: []model.Tensor{{Name: "Sample"}, {Name: "ClassEmbedding"}, {Name: "op"}},
			Inputs: []model.Input{{Kind: model.InputSample, Tensor: 0, Channels: 4},
				{Kind: model.InputClassEmbedding, Tensor: 1, Channels: 8}},
			Ops: []model.Op{op}, Outputs: []model.TensorID{2},
		}
		require.NoError(t, g.Validate())
		_, err := Lower(g, Options{Rows: 1, Size: model.Size{H: 2, W: 2}, Type: cudnn.Float32})
		var e *Error
		require.ErrorAs(t, err, &e, "%T", op)
		require.Equal(t, op.Kind(), e.Kind)
	}
}
