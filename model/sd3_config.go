package model

import (
	"encoding/json"
	"slices"
)

// SD3Config is a config.json of diffusers' SD3Transformer2DModel with its defaults filled in.
// Field by field it is the constructor of diffusers/models/transformers/transformer_sd3.py.
type SD3Config struct {
	SampleSize              int // height and width of the latents
	InChannels, OutChannels int
	PatchSize               int
	PositionSize            int // pos_embed_max_size: the side of the table of positions, in patches
	Layers                  int
	Heads, HeadDim          int
	ContextDim              int   // joint_attention_dim: features of a token of the text
	PooledDim               int   // pooled_projection_dim: of the pooled text
	DualLayers              []int // dual_attention_layers, which attend to the image alone as well
	NormQK                  bool  // qk_norm "rms_norm", of queries and keys
}

// Width is the number of features of a token.
func (c SD3Config) Width() int { return c.Heads * c.HeadDim }

// sd3Class is the name of the class in config.json.
const sd3Class = "SD3Transformer2DModel"

// maxPositionSide bounds the side of the table of positions, which is 384 in Stable Diffusion
// 3.5 medium, and maxPositions the numbers of that table.
const (
	maxPositionSide = 1 << 12
	maxPositions    = 1 << 30
)

// parseSD3Config reads a config.json. Errors are [*ConfigError].
func parseSD3Config(file string, data []byte) (SD3Config, error) {
	f := parseFields(file, data)
	f.choice("_class_name", sd3Class, sd3Class)
	var c SD3Config
	c.readSizes(f)
	c.readBlocks(f)
	if f.rest(); f.err == nil {
		c.check(f)
	}
	return c, f.err
}

func (c *SD3Config) readSizes(f *fields) {
	c.SampleSize = f.int("sample_size", 128, 1, maxSide)
	c.InChannels = f.int("in_channels", 16, 1, maxWidth)
	c.OutChannels = f.outChannels(16, c.InChannels)
	c.PatchSize = f.int("patch_size", 2, 1, maxPatch)
	c.PositionSize = f.int("pos_embed_max_size", 96, 1, maxPositionSide)
}

func (c *SD3Config) readBlocks(f *fields) {
	c.Layers = f.int("num_layers", 18, 1, maxPatchLayers)
	c.Heads = f.int("num_attention_heads", 18, 1, maxWidth)
	c.HeadDim = f.int("attention_head_dim", 64, 1, maxWidth)
	c.ContextDim = f.int("joint_attention_dim", 4096, 1, maxWidth)
	c.PooledDim = f.int("pooled_projection_dim", 2048, 1, maxWidth)
	const caption = "caption_projection_dim"
	if dim := f.int(caption, 1152, 1, maxWidth); f.err == nil && dim != c.Width() {
		f.fail(caption, "is %d, wanted %d, num_attention_heads times attention_head_dim", dim, c.Width())
	}
	const norm = "rms_norm"
	if _, ok := f.raw("qk_norm"); ok {
		c.NormQK = f.choice("qk_norm", norm, norm) == norm
	}
	c.readDual(f)
}

// readDual reads dual_attention_layers, which may be empty. A layer that there is not counts
// for nothing, as in diffusers.
func (c *SD3Config) readDual(f *fields) {
	const key = "dual_attention_layers"
	f.listOf(key, 0, maxPatchLayers, func(v json.RawMessage) {
		i := f.integer(key, v, 0, maxPatchLayers)
		if i < c.Layers && !slices.Contains(c.DualLayers, i) {
			c.DualLayers = append(c.DualLayers, i)
		}
	})
}

// check looks at keys together.
func (c *SD3Config) check(f *fields) {
	f.patches(c.Heads, c.HeadDim, c.SampleSize, c.PatchSize, c.OutChannels)
	side := int64(c.PositionSize)
	switch {
	case c.SampleSize/c.PatchSize > c.PositionSize:
		f.fail("sample_size", "is %d patches of %d, wanted at most pos_embed_max_size %d",
			c.SampleSize/c.PatchSize, c.PatchSize, c.PositionSize)
	case side*side*int64(c.Width()) > maxPositions:
		f.fail("pos_embed_max_size", "is %d for %d features: too large", c.PositionSize, c.Width())
	}
}
