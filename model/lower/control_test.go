package lower

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
)

// controlled is Stable Diffusion 1.5 with a ControlNet as those of lllyasviel/sd-controlnet-canny and its like are.
func controlled(t *testing.T) *model.UNetCondition {
	t.Helper()
	c, err := model.ParseControlNet("controlnet/config.json", []byte(`{"_class_name": "ControlNetModel", "cross_attention_dim": 768,
		"attention_head_dim": 8}`))
	require.NoError(t, err)
	u, err := published(t, "sd15", "unet/config.json").(*model.UNetCondition).WithControl(c)
	require.NoError(t, err)
	return u
}

// TestControl counts what a ControlNet costs a step, and holds that its image is looked at once: the convolutions that
// bring it to the size of the latents are before the loop. Each of the 13 results is a 1x1 convolution, and a launch
// that multiplies and adds it.
func TestControl(t *testing.T) {
	plain, u := published(t, "sd15", "unet/config.json"), controlled(t)
	for _, x := range []struct {
		ty              cudnn.DType
		plans, launches int // that it adds
	}{{cudnn.Float16, 110, 81}, {cudnn.Float32, 96, 136}} {
		o := Options{Rows: 2, Size: model.Size{H: 64, W: 64, Tokens: 77}, Type: x.ty}
		without, err := Lower(plain.Graph(), o)
		require.NoError(t, err)
		p, err := Lower(u.Graph(), o)
		require.NoError(t, err)
		for _, s := range p.Steps {
			if s.Fusion != nil {
				require.NoError(t, s.Fusion.Validate(), "%v %s", x.ty, s.Name)
			}
		}
		a, b := without.Forward(), p.Forward()
		t.Logf("%v: %d plans and %d launches more, %d before the loop in place of %d, %d bytes in place of %d", x.ty,
			b.Plans-a.Plans, b.Launches-a.Launches, p.Prologue, without.Prologue, p.Arena, without.Arena)
		require.Equal(t, []int{x.plans, x.launches}, []int{b.Plans - a.Plans, b.Launches - a.Launches})
		looks, adds := 0, 0
		for i, s := range p.Steps {
			if strings.HasPrefix(s.Name, "controlnet.controlnet_cond_embedding.") {
				require.Less(t, i, p.Prologue, s.Name)
				looks++
			}
			if strings.HasSuffix(s.Name, ".scale") {
				require.Equal(t, 2, s.Layers())
				adds++
			}
		}
		require.GreaterOrEqual(t, looks, 8)
		require.Equal(t, 13, adds)
		requireOnce(t, p)
	}
}

// requireOnce: each operation belongs to one step; those that move nothing to none.
func requireOnce(t *testing.T, p *Program) {
	t.Helper()
	for i, op := range p.Graph.Ops {
		want := 1
		switch op.(type) {
		case model.Concat, model.SwapAxes:
			want = 0
		}
		n := 0
		for _, s := range p.Steps {
			if slices.Contains(s.layers, i) {
				n++
			}
		}
		require.Equal(t, want, n, "%s %s", op.Kind(), op.Label())
	}
}

// TestFactorsOfRows: a product with a number of the row that no sum follows, or that is none of a ControlNet's, is refused
// with an error that names it.
func TestFactorsOfRows(t *testing.T) {
	c, err := model.ParseControlNet("config.json", []byte(`{"cross_attention_dim": 768, "attention_head_dim": 8}`))
	require.NoError(t, err)
	g := *c.Graph()
	g.Outputs = g.Outputs[:1]
	_, err = Lower(&g, Options{Rows: 1, Size: model.Size{H: 64, W: 64, Tokens: 77}, Type: cudnn.Float16})
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "MulRow", e.Kind)

	sums := model.Graph{
		Tensors: make([]model.Tensor, 4),
		Inputs: []model.Input{{Kind: model.InputSample, Tensor: 0, Channels: 8},
			{Kind: model.InputTimestep, Tensor: 1, Channels: 1}},
		Ops: []model.Op{model.MulRow{Base: model.Base{Name: "half", Y: 2}, X: 0, T: 1},
			model.Add{Base: model.Base{Name: "sum", Y: 3}, A: 0, B: 2, Div: 1}},
		Outputs: []model.TensorID{3},
	}
	_, err = Lower(&sums, Options{Rows: 1, Size: model.Size{H: 8, W: 8, Tokens: 1}, Type: cudnn.Float16})
	require.ErrorAs(t, err, &e)
	require.Equal(t, "half", e.Layer)
}
