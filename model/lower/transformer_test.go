package lower

import (
	"math"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/cuda/netkernels"
	"github.com/cudiffuse/cudiffuse/model"
)

// smallNetwork is a network of package model's testdata.
func smallNetwork(t *testing.T, name string) model.Network {
	t.Helper()
	b, err := os.ReadFile("../testdata/" + name + "/config.json")
	require.NoError(t, err)
	n, err := model.ParseNetwork(name, b)
	require.NoError(t, err)
	return n
}

// TestPositionsFollowFromTheSize: they are the CPU's, channels last, and no weight, since programs of all sizes share
// these.
func TestPositionsFollowFromTheSize(t *testing.T) {
	g := smallNetwork(t, "dit").Graph()
	var weights []Weight
	for _, side := range []int{8, 12} {
		p, err := Lower(g, Options{Rows: 2, Size: model.Size{H: side, W: 8}, Type: cudnn.Float32})
		require.NoError(t, err)
		require.Len(t, p.Tables, 1)
		table := p.Tables[0]
		s := model.Shape{C: 24, H: side / 2, W: 4}
		require.Equal(t, int64(4*s.Len()), table.Bytes)
		got := make([]byte, table.Bytes)
		table.Fill(got)
		e := model.GridPositions{Side: 4, Interpolation: 1}.Positions(s)
		for pixel := range s.H * s.W {
			for c := range s.C {
				var want [4]byte
				Store(cudnn.Float32, want[:], e[c*s.H*s.W+pixel:][:1])
				require.Equal(t, want[:], got[4*(pixel*s.C+c):][:4], "channel %d of pixel %d", c, pixel)
			}
		}
		if weights != nil {
			require.Len(t, p.Weights, len(weights))
			for i, w := range weights {
				require.Equal(t, []any{w.Name, w.Offset, w.Bytes}, []any{p.Weights[i].Name, p.Weights[i].Offset, p.Weights[i].Bytes})
			}
		}
		weights = p.Weights
	}
}

// TestVarianceIsLeftOut: the result has the channels that are asked for, out of rows that have all.
func TestVarianceIsLeftOut(t *testing.T) {
	g := smallNetwork(t, "dit").Graph()
	o := Options{Rows: 2, Size: model.Size{H: 8, W: 8}, Type: cudnn.Float32}
	for channels, want := range map[int]int{0: 8, 4: 4, 8: 8} {
		o.Channels = channels
		p, err := Lower(g, o)
		require.NoError(t, err)
		require.Equal(t, model.Shape{C: want, H: 8, W: 8}, p.OutShape())
		last := p.Steps[len(p.Steps)-1]
		k := last.Kernel(p.Locator(nil), 0).(netkernels.Layout)
		require.Equal(t, []int{want, 8, 64}, []int{k.Channels, k.Rows.Stride, k.Pixels})
	}
	for _, channels := range []int{-1, 9, math.MaxInt} {
		o.Channels = channels
		_, err := Lower(g, o)
		var e *Error
		require.ErrorAs(t, err, &e)
		require.Contains(t, err.Error(), "0..8")
	}
}

// TestTextsOfAPromptComeFirst: what depends on the text or on the size of the image runs once, keys and values of all
// blocks as one product.
func TestTextsOfAPromptComeFirst(t *testing.T) {
	p, err := Lower(smallNetwork(t, "pixart_alpha").Graph(), Options{Rows: 2, Size: model.Size{H: 8, W: 8, Tokens: 5}, Type: cudnn.Float32})
	require.NoError(t, err)
	first := map[int]bool{}
	for _, s := range p.Steps[:p.Prologue] {
		for _, l := range s.layers {
			first[l] = true
		}
	}
	for i, op := range p.Graph.Ops {
		switch o := op.(type) {
		case model.TakeChannel:
			require.True(t, first[i], o.Name)
		case model.Conv2D:
			switch o.Name {
			case "transformer_blocks.0.attn2.to_k", "transformer_blocks.1.attn2.to_v", "caption_projection.linear_1":
				require.True(t, first[i], o.Name)
			case "transformer_blocks.0.attn2.to_q", "transformer_blocks.0.attn1.to_k", "pos_embed.proj":
				require.False(t, first[i], o.Name)
			}
		}
	}
}

// TestOperationsAreRefused: what a kernel cannot have names the layer.
func TestOperationsAreRefused(t *testing.T) {
	op := model.TakeChannel{Base: model.Base{Name: "op", Y: 1}, X: 0, Index: 1}
	g := &model.Graph{
		Tensors: []model.Tensor{{Name: "Sample"}, {Name: "op"}},
		Inputs:  []model.Input{{Kind: model.InputSample, Tensor: 0, Channels: 4}},
		Ops:     []model.Op{op}, Outputs: []model.TensorID{1},
	}
	require.NoError(t, g.Validate())
	_, err := Lower(g, Options{Rows: 1, Size: model.Size{H: 1, W: 1}, Type: cudnn.Float32})
	var e *Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, "TakeChannel", e.Kind)
	require.Equal(t, "op", e.Layer)
}
