package model

import (
	"encoding/json"
	"slices"
)

// ControlNetConfig is a config.json of diffusers' ControlNetModel with its defaults
// filled in: that of the down path and the middle of a U-Net, and of the layers that
// look at the control image. Fields of the U-Net that a ControlNet has no use for are
// zero, and its UpBlocks plain ones.
type ControlNetConfig struct {
	UNet            UNetConditionConfig
	ControlChannels int   // of the image: conditioning_channels
	EmbedChannels   []int // conditioning_embedding_out_channels; each but the last halves the image
	BGR             bool  // controlnet_conditioning_channel_order "bgr": the channels are reversed first
}

// controlNetClass is the name of the class in config.json.
const controlNetClass = "ControlNetModel"

// Factor is how much higher and wider than the sample the control image is.
func (c *ControlNetConfig) Factor() int { return 1 << (len(c.EmbedChannels) - 1) }

// Residuals is the number of results: one for each that the U-Net's up path takes, and
// that of the middle block.
func (c *ControlNetConfig) Residuals() int {
	n := 1 + len(c.UNet.DownBlocks) // the first convolution, downsampling but at the last level, the middle
	for _, layers := range c.UNet.LayersPerBlock {
		n += layers
	}
	return n
}

// parseControlNetConfig reads a config.json; it is the constructor of
// diffusers/models/controlnets/controlnet.py. Errors are [*ConfigError].
func parseControlNetConfig(file string, data []byte) (ControlNetConfig, error) {
	f := parseFields(file, data)
	f.choice("_class_name", controlNetClass, controlNetClass)
	var c ControlNetConfig
	c.readControl(f)
	u := &c.UNet
	u.InChannels = f.int("in_channels", 4, 1, maxWidth)
	u.ConvInKernel = 3
	u.FreqShift = f.float("freq_shift", 0, -1e6, 1e6)
	u.FlipSinToCos = f.bool("flip_sin_to_cos", true)
	var plain UNet2DConfig
	plain.readClasses(f)
	u.ClassEmbedding, u.NumClasses = plain.ClassEmbedding, plain.NumClasses
	u.readControlBlocks(f)
	if f.err == nil {
		u.readLevels(f)
	}
	u.readNorms(f)
	u.readAddition(f)
	f.unsupported()
	if f.rest(); f.err == nil {
		u.check(f)
	}
	return c, f.err
}

// readControl reads what the layers of the control image need.
func (c *ControlNetConfig) readControl(f *fields) {
	c.ControlChannels = f.int("conditioning_channels", 3, 1, maxWidth)
	const order = "controlnet_conditioning_channel_order"
	f.noNull(order)
	c.BGR = f.choice(order, "rgb", "rgb", "bgr") == "bgr"
	const embed = "conditioning_embedding_out_channels"
	c.EmbedChannels = []int{16, 32, 96, 256}
	if _, ok := f.raw(embed); ok {
		c.EmbedChannels = nil
	}
	f.list(embed, maxBlocks, func(v json.RawMessage) {
		c.EmbedChannels = append(c.EmbedChannels, f.integer(embed, v, 1, maxWidth))
	})
	f.refusedTrue("global_pool_conditions", false)
}

// readControlBlocks is readBlocks without an up path, for which plain blocks stand.
func (c *UNetConditionConfig) readControlBlocks(f *fields) {
	c.DownBlocks = f.blocks("down_block_types", []string{"CrossAttnDownBlock2D",
		"CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"}, conditionDownTypes)
	c.BlockChannels = []int{320, 640, 1280, 1280}
	const channels = "block_out_channels"
	if _, ok := f.raw(channels); ok {
		c.BlockChannels = nil
	}
	f.list(channels, maxBlocks, func(v json.RawMessage) {
		c.BlockChannels = append(c.BlockChannels, f.integer(channels, v, 1, maxWidth))
	})
	n := len(c.BlockChannels)
	if len(c.DownBlocks) != n {
		f.fail(channels, "%d block_out_channels and %d down_block_types: wanted as many of each",
			n, len(c.DownBlocks))
	}
	c.UpBlocks = slices.Repeat([]string{"UpBlock2D"}, n)
	f.noNull("mid_block_type")
	c.MidBlock = f.choice("mid_block_type", "UNetMidBlock2DCrossAttn",
		"UNetMidBlock2DCrossAttn", "UNetMidBlock2D")
	c.MidBlockScale = f.float("mid_block_scale_factor", 1, 1e-6, 1e6)
	c.DownsamplePadding = f.int("downsample_padding", 1, 0, 1)
}
