package lower

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
)

// TestSD3IsRefused: the operations of transformers over image and text have no kernel yet, which an
// error says that names the first of them.
func TestSD3IsRefused(t *testing.T) {
	for _, name := range []string{"sd3", "sd35"} {
		b, err := os.ReadFile("../testdata/" + name + "/config.json")
		require.NoError(t, err)
		n, err := model.ParseNetwork(name, b)
		require.NoError(t, err)
		for _, ty := range []cudnn.DType{cudnn.Float32, cudnn.Float16, cudnn.BFloat16} {
			_, err := Lower(n.Graph(), Options{Rows: 2, Type: ty,
				Size: model.Size{H: n.Height(), W: n.Width(), Tokens: 7}})
			var e *Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, "CroppedPositions", e.Kind)
			require.Equal(t, "pos_embed", e.Layer)
		}
	}
}

// TestCroppedPositionsAreRefused: the operation alone, in a graph of its own.
func TestCroppedPositionsAreRefused(t *testing.T) {
	op := model.CroppedPositions{Base: model.Base{Name: "op", Y: 1}, Side: 3, Channels: 4}
	g := &model.Graph{
		Tensors: []model.Tensor{{Name: "Sample"}, {Name: "op"}},
		Params:  []model.Param{{Name: "table", Shape: []int{1, 9, 4}}},
		Inputs:  []model.Input{{Kind: model.InputSample, Tensor: 0, Channels: 4}},
		Ops:     []model.Op{op}, Outputs: []model.TensorID{1},
	}
	require.NoError(t, g.Validate())
	_, err := Lower(g, Options{Rows: 1, Size: model.Size{H: 2, W: 2}, Type: cudnn.Float32})
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "CroppedPositions", e.Kind)
}
