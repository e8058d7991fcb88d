//go:build cuda

package device

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/cuda"
	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// controlled is a U-Net with a ControlNet.
func controlled(t *testing.T) *model.UNetCondition {
	t.Helper()
	c, err := model.OpenControlNetFS(wideHeads(t, "controlnet"), "controlnet")
	require.NoError(t, err)
	u, err := textNetwork(t, "unet_sd15").WithControl(c)
	require.NoError(t, err)
	return u
}

// TestControl samples with a ControlNet: one row in guess mode, one at another scale, one without an image.
func TestControl(t *testing.T) {
	net := controlled(t)
	requireAsCPU(t, net, guided(t, net, func(request, cond int, c *model.TextEmbedding) {
		switch {
		case request == 1 && cond == 0:
			c.ControlScale = model.ControlScales(len(c.ControlScale), 0.8, true)
		case request == 1:
			c.Control, c.ControlScale = nil, nil
		case cond == 0:
			c.ControlScale = model.ControlScales(len(c.ControlScale), -0.4, false)
		}
	}))
}

// TestControlRefuses: images and factors of another size, and those that a network does not take.
func TestControlRefuses(t *testing.T) {
	dev := open(t, gpu.Float32, cuda.Options{})
	for _, x := range []struct {
		net            *model.UNetCondition
		control, scale []float32
		detail         string
	}{
		{controlled(t), make([]float32, 767), make([]float32, 5), "Control has 767 elements, want 768"},
		{controlled(t), nil, make([]float32, 5), "Control has 0 elements, want 768"},
		{controlled(t), make([]float32, 768), nil, "ControlScale has 0 elements, want 5"},
		{controlled(t), make([]float32, 768), make([]float32, 6), "ControlScale has 6 elements, want 5"},
		{textNetwork(t, "unet_sd15"), make([]float32, 768), make([]float32, 5), "the network has not"},
	} {
		n := load(t, dev, x.net, Options{})
		reqs := guided(t, x.net, func(request, cond int, c *model.TextEmbedding) {
			if request == 1 && cond == 0 {
				c.Control, c.ControlScale = x.control, x.scale
			}
		})
		_, err := sampler.Run(context.Background(), dev, n, reqs)
		var e *ConditionError
		require.ErrorAs(t, err, &e)
		require.Equal(t, 2, e.Row)
		require.Contains(t, e.Detail, x.detail)
	}
}
