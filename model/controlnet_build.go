package model

import "fmt"

// buildControlNet makes the graph in the order of ControlNetModel's forward method
// (diffusers/models/controlnets/controlnet.py), after Zhang et al., "Adding Conditional
// Control to Text-to-Image Diffusion Models", 2023, arXiv:2302.05543. The outputs are
// the residuals of the down path, in its order, and then that of the middle block, each
// times a factor of InputControlScale. Errors are [*ConfigError].
func buildControlNet(file string, c ControlNetConfig) (*Graph, error) {
	b := newConditionBuilder(file, c.UNet)
	b.g.Outputs = b.control(c)
	return b.g, b.err
}

// control is the network; it returns the residuals.
func (b *conditionBuilder) control(c ControlNetConfig) (residuals []TensorID) {
	h := b.begin()
	image := b.input(InputControl, c.ControlChannels)
	b.g.Inputs[len(b.g.Inputs)-1].Scale = c.Factor()
	scale := b.input(InputControlScale, c.Residuals())
	h = b.conv("conv_in", h, c.UNet.BlockChannels[0], 3, 1, 1)
	h = b.sum("controlnet_cond", h, b.controlImage(c, image), 1)
	b.skips = append(b.skips, h)
	for i := range c.UNet.DownBlocks {
		h = b.down(i, h)
	}
	h = b.mid(h)
	// A 1x1 convolution, which training starts at zero, times a factor.
	residual := func(name string, x TensorID) {
		n := b.channels[x]
		h := b.conv(name, x, n, 1, 1, 0)
		h = b.add(MulRow{Base: b.base(name+".scale", n), X: h, T: scale, Index: len(residuals)})
		residuals = append(residuals, h)
	}
	for i, skip := range b.skips {
		residual(fmt.Sprintf("controlnet_down_blocks.%d", i), skip)
	}
	residual("controlnet_mid_block", h)
	return residuals
}

// controlImage is ControlNetConditioningEmbedding: convolutions that bring the image to
// the size of the sample.
func (b *conditionBuilder) controlImage(c ControlNetConfig, h TensorID) TensorID {
	const name = "controlnet_cond_embedding"
	h = b.conv(name+".conv_in", h, c.EmbedChannels[0], 3, 1, 1)
	h = b.act(name+".silu", h, SiLU)
	for i, out := range c.EmbedChannels[1:] {
		for j, to := range []int{b.channels[h], out} {
			layer := fmt.Sprintf("%s.blocks.%d", name, 2*i+j)
			h = b.conv(layer, h, to, 3, j+1, 1)
			h = b.act(layer+".silu", h, SiLU)
		}
	}
	return b.conv(name+".conv_out", h, c.UNet.BlockChannels[0], 3, 1, 1)
}
