package model

import (
	"encoding/json"
)

// FluxConfig is a config.json of diffusers' FluxTransformer2DModel with its defaults filled in.
// Field by field it is the constructor of diffusers/models/transformers/transformer_flux.py.
type FluxConfig struct {
	InChannels, OutChannels int // of a token: of four pixels of the latents
	Layers                  int // blocks that keep text and image apart
	SingleLayers            int // blocks of one sequence
	Heads, HeadDim          int
	ContextDim              int    // joint_attention_dim, of a token of the text
	PooledDim               int    // pooled_projection_dim
	Guidance                bool   // guidance_embeds: the scale is an input
	Axes                    [3]int // axes_dims_rope
}

// Width is the number of features of a token within the network.
func (c FluxConfig) Width() int { return c.Heads * c.HeadDim }

// fluxClass is the name of the class in config.json.
const fluxClass = "FluxTransformer2DModel"

// fluxSide is the side of the blocks of latents that are tokens, which is not in the file
// (diffusers/pipelines/flux/pipeline_flux.py, _pack_latents).
const fluxSide = 2

// parseFluxConfig reads a config.json. Errors are [*ConfigError].
func parseFluxConfig(file string, data []byte) (FluxConfig, error) {
	f := parseFields(file, data)
	f.choice("_class_name", fluxClass, fluxClass)
	var c FluxConfig
	f.int("patch_size", 1, 1, 1) // latents come in tokens already
	c.InChannels = f.int("in_channels", 64, 1, maxWidth)
	c.OutChannels = f.outChannels(0, c.InChannels)
	c.Layers = f.int("num_layers", 19, 1, maxPatchLayers)
	c.SingleLayers = f.int("num_single_layers", 38, 1, maxPatchLayers)
	c.HeadDim = f.int("attention_head_dim", 128, 1, maxWidth)
	c.Heads = f.int("num_attention_heads", 24, 1, maxWidth)
	c.ContextDim = f.int("joint_attention_dim", 4096, 1, maxWidth)
	c.PooledDim = f.int("pooled_projection_dim", 768, 1, maxWidth)
	c.Guidance = f.bool("guidance_embeds", false)
	c.readAxes(f)
	if f.rest(); f.err == nil {
		c.check(f)
	}
	return c, f.err
}

func (c *FluxConfig) readAxes(f *fields) {
	const key = "axes_dims_rope"
	c.Axes = [3]int{16, 56, 56}
	i := 0
	f.list(key, len(c.Axes), func(v json.RawMessage) {
		c.Axes[i] = f.integer(key, v, 0, maxWidth)
		i++
	})
	if _, given := f.raw(key); given && i != len(c.Axes) {
		f.fail(key, "has %d elements, wanted %d", i, len(c.Axes))
	}
}

// check looks at keys together.
func (c *FluxConfig) check(f *fields) {
	const block = fluxSide * fluxSide
	a := c.Axes
	switch {
	case c.Width() > maxWidth:
		f.fail("num_attention_heads", "%d heads of attention_head_dim %d are %d features, wanted "+
			"at most %d", c.Heads, c.HeadDim, c.Width(), maxWidth)
	case a[0]+a[1]+a[2] != c.HeadDim || a[0]%2 != 0 || a[1]%2 != 0 || a[2]%2 != 0:
		f.fail("axes_dims_rope", "is %v, wanted even numbers whose sum is attention_head_dim %d",
			a, c.HeadDim)
	case c.InChannels%block != 0:
		f.fail("in_channels", "is %d, wanted a multiple of %d: tokens are %dx%d pixels",
			c.InChannels, block, fluxSide, fluxSide)
	case c.OutChannels%block != 0:
		f.fail("out_channels", "is %d, wanted a multiple of %d: tokens are %dx%d pixels",
			c.OutChannels, block, fluxSide, fluxSide)
	}
}
