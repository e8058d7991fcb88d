package lower

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda/cudnn"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/model/bundled"
)

// TestKernelsAreChannelsLast: element [o, i, r, s] of a file is at [o, r, s, i] on the device.
func TestKernelsAreChannelsLast(t *testing.T) {
	n := networks(t)[0]
	net := openBundled(t)
	p := n.lower(t, cudnn.Float32)
	for _, op := range n.g.Ops {
		c, ok := op.(model.Conv2D)
		if !ok || c.Name != "down_blocks.1.resnets.0.conv1" {
			continue
		}
		w := findWeight(t, p, c.Name+".weight")
		dst := make([]byte, w.Bytes)
		w.Encode(net.Weights(), dst)
		src, s := net.Weights().Param(c.Weight), c.Shape
		for o := range s.OutC {
			for i := range s.InC {
				for r := range s.KH {
					for k := range s.KW {
						at := ((o*s.KH+r)*s.KW+k)*s.InC + i
						got := math.Float32frombits(binary.LittleEndian.Uint32(dst[4*at:]))
						require.Equal(t, src[((o*s.InC+i)*s.KH+r)*s.KW+k], got)
					}
				}
			}
		}
		return
	}
	t.Fatal("no such layer")
}

// TestMergedWeights: queries, keys and values are one weight, their rows one after another.
func TestMergedWeights(t *testing.T) {
	net := openBundled(t)
	p := networks(t)[0].lower(t, cudnn.Float32)
	w := findWeight(t, p, "mid_block.attentions.0.to_q and those beside it weight")
	dst := make([]byte, w.Bytes)
	w.Encode(net.Weights(), dst)
	at := 0
	for _, name := range []string{"to_q", "to_k", "to_v"} {
		src := paramOf(t, net, "mid_block.attentions.0."+name+".weight")
		for _, v := range src {
			require.Equal(t, math.Float32bits(v), binary.LittleEndian.Uint32(dst[4*at:]))
			at++
		}
	}
	require.Len(t, dst, 4*at)
}

func findWeight(t *testing.T, p *Program, name string) *Weight {
	t.Helper()
	for i := range p.Weights {
		if p.Weights[i].Name == name {
			return &p.Weights[i]
		}
	}
	t.Fatalf("no weight %q", name)
	return nil
}

func openBundled(t *testing.T) *model.UNet2D {
	t.Helper()
	u, err := model.OpenUNet2DFS(bundled.FS(), bundled.Fashion)
	require.NoError(t, err)
	return u
}

func paramOf(t *testing.T, net model.Network, name string) []float32 {
	t.Helper()
	for i, p := range net.Graph().Params {
		if p.Name == name {
			return net.Weights().Param(model.ParamID(i))
		}
	}
	t.Fatalf("no parameter %q", name)
	return nil
}
