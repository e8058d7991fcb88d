package lower

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/cuda/netkernels"
	"github.com/cudiffuse/cudiffuse/model"
)

// TestHeadsMoveOnce: norm and rotation of queries and keys happen on the way into the sequence of image and text, or,
// where there is one sequence, in one launch.
func TestHeadsMoveOnce(t *testing.T) {
	p, err := Lower(smallNetwork(t, "flux_dev").Graph(), Options{Rows: 2, Size: model.Size{H: 8, W: 6, Tokens: 5}, Type: cudnn.Float16})
	require.NoError(t, err)
	require.Len(t, p.Tables, 1, "the angles of all rotations")
	got := map[string][]netkernels.HeadNorm{}
	for _, s := range p.Steps {
		if s.Kernel == nil {
			continue
		}
		if k, ok := s.Kernel(p.Locator(nil), 0).(netkernels.HeadNorm); ok {
			k.X, k.Y, k.Gamma, k.Angles, k.Eps = netkernels.Tensor{}, netkernels.Tensor{}, 0, 0, 0
			got[s.Name] = append(got[s.Name], k)
		}
	}
	text := netkernels.HeadNorm{Type: netkernels.Float16, Images: 2, Tokens: 5, Heads: 2, Dim: 16, XTokens: 5, YTokens: 17, Norm: true}
	image := text
	image.Tokens, image.XTokens, image.Turn = 12, 12, true
	for _, name := range []string{"transformer_blocks.0.attn.q", "transformer_blocks.0.attn.k"} {
		require.Equal(t, []netkernels.HeadNorm{text, image}, got[name], name)
	}
	require.Len(t, got["transformer_blocks.0.attn.v"], 2, "values are joined as they are")
	one := image
	one.Tokens, one.XTokens, one.YTokens, one.Still = 17, 17, 17, 5
	for _, name := range []string{"single_transformer_blocks.0.attn.rope_q", "single_transformer_blocks.1.attn.rope_k"} {
		require.Equal(t, []netkernels.HeadNorm{one}, got[name], name)
	}
	require.Empty(t, got["single_transformer_blocks.0.attn.norm_q"])
}

// TestNormsOfOtherHeadsStayApart: a rotation takes a norm with it only where both have the same heads.
func TestNormsOfOtherHeadsStayApart(t *testing.T) {
	for _, heads := range []int{1, 2} {
		g := &model.Graph{
			Tensors: []model.Tensor{{Name: "Sample"}, {Name: "norm"}, {Name: "turn"}},
			Params:  []model.Param{{Name: "norm.weight", Shape: []int{4 / heads}}},
			Inputs:  []model.Input{{Kind: model.InputSample, Tensor: 0, Channels: 4}},
			Ops: []model.Op{model.HeadRMSNorm{Base: model.Base{Name: "norm", Y: 1}, X: 0, Channels: 4, Heads: heads, Eps: 1},
				model.Rotary{Base: model.Base{Name: "turn", Y: 2}, X: 1, Like: 0, Heads: 1, Axes: [3]int{0, 2, 2}, Theta: 10000}},
			Outputs: []model.TensorID{2},
		}
		require.NoError(t, g.Validate())
		p, err := Lower(g, Options{Rows: 1, Size: model.Size{H: 2, W: 2}, Type: cudnn.Float32})
		require.NoError(t, err)
		require.Len(t, p.Steps, 2+heads, "sample and result, and one or two steps")
	}
}
