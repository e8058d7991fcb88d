package model

import (
	"encoding/json"
	"slices"
)

// AutoencoderConfig is a config.json of diffusers' AutoencoderKL or AutoencoderTiny with
// its defaults filled in. Field by field it is the constructor of
// diffusers/models/autoencoders/autoencoder_kl.py or autoencoder_tiny.py.
type AutoencoderConfig struct {
	Tiny                    bool // AutoencoderTiny
	InChannels, OutChannels int  // of an image
	LatentChannels          int
	Act                     Activation
	// What a denoiser works on is (latents - ShiftFactor) * ScalingFactor.
	ScalingFactor, ShiftFactor float64
	// ForceUpcast tells that in float16 the numbers may be too large.
	ForceUpcast bool

	// Of AutoencoderKL.
	SampleHeight, SampleWidth int   // of an image; 0 when sample_size is null
	BlockChannels             []int // of the encoder; the decoder goes the other way
	LayersPerBlock            int   // of the encoder; the decoder has one more
	NormGroups                int
	MidAttention              bool
	QuantConv, PostQuantConv  bool // a 1x1 convolution behind the encoder, before the decoder

	// Of AutoencoderTiny.
	Width                        int   // channels of all blocks
	EncoderBlocks, DecoderBlocks []int // blocks of each level
}

// The classes of autoencoders in config.json.
const (
	autoencoderKLClass   = "AutoencoderKL"
	autoencoderTinyClass = "AutoencoderTiny"
)

// parseAutoencoderConfig reads a config.json. Errors are [*ConfigError].
func parseAutoencoderConfig(file string, data []byte) (AutoencoderConfig, error) {
	f := parseFields(file, data)
	class := f.choice("_class_name", autoencoderKLClass, autoencoderKLClass, autoencoderTinyClass)
	c := AutoencoderConfig{Tiny: class == autoencoderTinyClass}
	c.InChannels = f.int("in_channels", 3, 1, maxWidth)
	c.OutChannels = f.int("out_channels", 3, 1, maxWidth)
	c.LatentChannels = f.int("latent_channels", 4, 1, maxWidth/2)
	if c.ForceUpcast = f.bool("force_upcast", true); c.Tiny {
		c.readTiny(f)
	} else {
		c.readKL(f)
	}
	f.rest()
	return c, f.err
}

func (c *AutoencoderConfig) readKL(f *fields) {
	c.SampleHeight, c.SampleWidth = f.sampleSize()
	c.BlockChannels = f.intList("block_out_channels", []int{64}, maxBlocks, maxWidth)
	for _, x := range [][2]string{{"down_block_types", "DownEncoderBlock2D"}, {"up_block_types", "UpDecoderBlock2D"}} {
		blocks := f.blocks(x[0], x[1:], x[1:])
		if n := len(c.BlockChannels); len(blocks) != n {
			f.fail(x[0], "has %d elements, block_out_channels %d", len(blocks), n)
		}
	}
	c.LayersPerBlock = f.int("layers_per_block", 1, 1, maxLayers)
	if c.Act = f.activation("act_fn", "silu"); c.Act == Identity {
		f.fail("act_fn", "is null")
	}
	c.NormGroups = f.int("norm_num_groups", 32, 1, maxWidth)
	c.MidAttention = f.bool("mid_block_add_attention", true)
	c.QuantConv = f.bool("use_quant_conv", true)
	c.PostQuantConv = f.bool("use_post_quant_conv", true)
	c.ScalingFactor = f.float("scaling_factor", 0.18215, 1e-6, 1e6)
	if !f.isNull("shift_factor") {
		c.ShiftFactor = f.float("shift_factor", 0, -1e6, 1e6)
	}
	f.used["shift_factor"] = true
	f.refused("latents_mean")
	f.refused("latents_std")
}

func (c *AutoencoderConfig) readTiny(f *fields) {
	widths := f.intList("encoder_block_out_channels", []int{64, 64, 64, 64}, maxBlocks, maxWidth)
	down := len(widths)
	more := f.intList("decoder_block_out_channels", []int{64, 64, 64, 64}, maxBlocks, maxWidth)
	up := len(more)
	widths = append(widths, more...)
	f.intList("block_out_channels", nil, maxBlocks, maxWidth) // a copy of the above
	c.EncoderBlocks = f.intList("num_encoder_blocks", []int{1, 3, 3, 3}, maxBlocks, maxLayers)
	c.DecoderBlocks = f.intList("num_decoder_blocks", []int{3, 3, 3, 1}, maxBlocks, maxLayers)
	if len(c.EncoderBlocks) != down || len(c.DecoderBlocks) != up {
		f.fail("num_encoder_blocks", "%d num_encoder_blocks and %d num_decoder_blocks for %d and %d "+
			"block_out_channels", len(c.EncoderBlocks), len(c.DecoderBlocks), down, up)
	}
	if slices.Min(widths) != slices.Max(widths) { // no layer between levels could change them
		f.fail("encoder_block_out_channels", "%v with those of the decoder, wanted the same for all levels", widths)
	}
	c.Width = widths[0]
	if c.Act = f.activation("act_fn", "relu"); c.Act == Identity {
		f.fail("act_fn", "is null")
	}
	f.only("upsample_fn", "nearest")
	f.int("upsampling_scaling_factor", 2, 2, 2)
	c.ScalingFactor = f.float("scaling_factor", 1, 1e-6, 1e6)
	c.ShiftFactor = f.float("shift_factor", 0, -1e6, 1e6)
	f.float("latent_magnitude", 3, -1e6, 1e6) // these two are for latents stored as bytes
	f.float("latent_shift", 0.5, -1e6, 1e6)
}

// intList reads a list of whole numbers within 1..hi.
func (f *fields) intList(key string, def []int, maxLen, hi int) []int {
	if _, ok := f.raw(key); !ok {
		f.noNull(key)
		return def
	}
	var out []int
	f.list(key, maxLen, func(v json.RawMessage) { out = append(out, f.integer(key, v, 1, hi)) })
	if f.err != nil {
		return []int{1}
	}
	return out
}
