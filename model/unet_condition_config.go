package model

import (
	"cmp"
	"encoding/json"
	"slices"
)

// UNetConditionConfig is a config.json of diffusers' UNet2DConditionModel with its
// defaults filled in. Field by field it is the constructor of
// diffusers/models/unets/unet_2d_condition.py; a list has one element a level of the
// down path, where the file may have one number for all.
type UNetConditionConfig struct {
	SampleHeight, SampleWidth int // 0 when sample_size is null
	InChannels, OutChannels   int
	CenterInput               bool // center_input_sample: the network takes 2x - 1
	TimeEmbeddingDim          int
	TimeEmbeddingAct          Activation // on the sum of the embeddings; Identity for null
	TimeCondDim               int        // time_cond_proj_dim, 0 for null
	FreqShift                 float64
	FlipSinToCos              bool
	DownBlocks, UpBlocks      []string
	MidBlock                  string // "UNetMidBlock2DCrossAttn", "UNetMidBlock2D", "" for null
	MidBlockScale             float64
	BlockChannels             []int
	LayersPerBlock            []int
	TransformerLayers         []int // transformer_layers_per_block
	AttentionHeads            []int // the number of heads, which the file calls attention_head_dim
	CrossAttentionDim         int   // features of a token of the context
	OnlyCrossAttention        []bool
	LinearProjection          bool // proj_in and proj_out are matrices, not 1x1 convolutions
	UpcastAttention           bool // scores in float32 whatever the precision; no effect here
	DownsamplePadding         int
	ConvInKernel              int
	ConvOutKernel             int
	Act                       Activation
	NormGroups                int
	NormEps                   float64
	ScaleShift                bool // resnet_time_scale_shift "scale_shift"
	ClassEmbedding            ClassEmbedding
	NumClasses                int // rows of the table, for ClassTable
	PooledDim                 int // features of the pooled text; 0 but for addition_embed_type "text_time"
	TimeIDs                   int // how many numbers are embedded beside it
	TimeIDDim                 int // features of each: addition_time_embed_dim
}

var conditionDownTypes = []string{"CrossAttnDownBlock2D", "DownBlock2D"}

var conditionUpTypes = []string{"CrossAttnUpBlock2D", "UpBlock2D"}

// conditionClass is the name of the class in config.json.
const conditionClass = "UNet2DConditionModel"

// maxTransformers bounds the transformer blocks of all levels, each of 18 operations;
// SDXL has 70.
const maxTransformers = 1 << 10

// maxKernel bounds the kernels of the first and last convolution.
const maxKernel = 15

// parseUNetConditionConfig reads a config.json. Errors are [*ConfigError].
func parseUNetConditionConfig(file string, data []byte) (UNetConditionConfig, error) {
	f := parseFields(file, data)
	f.choice("_class_name", conditionClass, conditionClass)
	c := UNetConditionConfig{
		DownBlocks: []string{"CrossAttnDownBlock2D", "CrossAttnDownBlock2D",
			"CrossAttnDownBlock2D", "DownBlock2D"},
		UpBlocks: []string{"UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D",
			"CrossAttnUpBlock2D"},
		BlockChannels: []int{320, 640, 1280, 1280},
	}
	c.readSizes(f)
	c.readTime(f)
	c.readBlocks(f)
	if f.err == nil {
		c.readLevels(f)
	}
	c.readNorms(f)
	c.readAddition(f)
	f.unsupported()
	if f.rest(); f.err == nil {
		c.check(f)
	}
	return c, f.err
}

func (c *UNetConditionConfig) readSizes(f *fields) {
	c.SampleHeight, c.SampleWidth = f.sampleSize()
	c.InChannels = f.int("in_channels", 4, 1, maxWidth)
	c.OutChannels = f.int("out_channels", 4, 1, maxWidth)
	c.CenterInput = f.bool("center_input_sample", false)
	c.ConvInKernel = f.oddKernel("conv_in_kernel")
	c.ConvOutKernel = f.oddKernel("conv_out_kernel")
}

// oddKernel reads the size of a kernel that keeps the size of the image.
func (f *fields) oddKernel(key string) int {
	k := f.int(key, 3, 1, maxKernel)
	if k%2 == 0 {
		f.fail(key, "is %d, wanted an odd number", k)
	}
	return k
}

func (c *UNetConditionConfig) readTime(f *fields) {
	f.only("time_embedding_type", "positional")
	c.TimeEmbeddingDim = f.optInt("time_embedding_dim", 0, 16*maxWidth)
	c.TimeEmbeddingAct = f.activation("time_embedding_act_fn", "")
	c.TimeCondDim = f.optInt("time_cond_proj_dim", 0, maxWidth)
	c.FreqShift = f.float("freq_shift", 0, -1e6, 1e6)
	c.FlipSinToCos = f.bool("flip_sin_to_cos", true)
	var u UNet2DConfig
	u.readClasses(f)
	c.ClassEmbedding, c.NumClasses = u.ClassEmbedding, u.NumClasses
}

func (c *UNetConditionConfig) readBlocks(f *fields) {
	c.DownBlocks = f.blocks("down_block_types", c.DownBlocks, conditionDownTypes)
	c.UpBlocks = f.blocks("up_block_types", c.UpBlocks, conditionUpTypes)
	if _, ok := f.raw("block_out_channels"); ok {
		c.BlockChannels = nil
	}
	f.list("block_out_channels", maxBlocks, func(v json.RawMessage) {
		c.BlockChannels = append(c.BlockChannels, f.integer("block_out_channels", v, 1, maxWidth))
	})
	n := len(c.BlockChannels)
	if len(c.DownBlocks) != n || len(c.UpBlocks) != n {
		f.fail("block_out_channels", "%d block_out_channels, %d down_block_types and "+
			"%d up_block_types: wanted as many of each", n, len(c.DownBlocks), len(c.UpBlocks))
	}
	c.MidBlock = f.choice("mid_block_type", "UNetMidBlock2DCrossAttn",
		"UNetMidBlock2DCrossAttn", "UNetMidBlock2D")
	c.MidBlockScale = f.float("mid_block_scale_factor", 1, 1e-6, 1e6)
	c.DownsamplePadding = f.int("downsample_padding", 1, 0, 1)
}

// readLevels reads what may be one value or one a level.
func (c *UNetConditionConfig) readLevels(f *fields) {
	n := len(c.BlockChannels)
	c.LayersPerBlock = f.perLevel("layers_per_block", n, 2, maxLayers)
	c.TransformerLayers = f.perLevel("transformer_layers_per_block", n, 1, maxLayers)
	c.AttentionHeads = f.perLevel("attention_head_dim", n, 8, maxWidth)
	dims := f.perLevel("cross_attention_dim", n, 1280, maxWidth)
	c.CrossAttentionDim = dims[0]
	if slices.Min(dims) != slices.Max(dims) { // one context goes to all levels
		f.fail("cross_attention_dim", "is %v, wanted the same for all levels", dims)
	}
	c.OnlyCrossAttention = make([]bool, n)
	const only = "only_cross_attention"
	if v, ok := f.raw(only); !ok || !isList(v) {
		all := f.bool(only, false)
		for i := range c.OnlyCrossAttention {
			c.OnlyCrossAttention[i] = all
		}
	} else {
		var list []bool
		f.list(only, maxBlocks, func(v json.RawMessage) {
			var x bool
			f.decode(only, v, &x, "true or false")
			list = append(list, x)
		})
		if len(list) != n {
			f.fail(only, "has %d elements, wanted %d", len(list), n)
		}
		copy(c.OnlyCrossAttention, list)
	}
	c.LinearProjection = f.bool("use_linear_projection", false)
	if _, ok := f.raw("upcast_attention"); ok { // null in the published config of XL
		c.UpcastAttention = f.bool("upcast_attention", false)
	}
}

// perLevel reads a whole number within 1..hi for all n levels, or a list of n.
func (f *fields) perLevel(key string, n, def, hi int) []int {
	v, ok := f.raw(key)
	if !ok || !isList(v) {
		return slices.Repeat([]int{f.int(key, def, 1, hi)}, n)
	}
	var out []int
	f.list(key, maxBlocks, func(v json.RawMessage) { out = append(out, f.integer(key, v, 1, hi)) })
	if len(out) != n {
		f.fail(key, "has %d elements, wanted %d", len(out), n)
		return make([]int, n)
	}
	return out
}

func (c *UNetConditionConfig) readNorms(f *fields) {
	var u UNet2DConfig
	f.noNull("norm_num_groups") // diffusers then leaves the last norm out, but cannot build the blocks
	u.readNorms(f)
	c.Act, c.NormGroups, c.NormEps, c.ScaleShift = u.Act, u.NormGroups, u.NormEps, u.ScaleShift
	f.float("dropout", 0, 0, 1) // no effect on inference
}

// check looks at keys together.
func (c *UNetConditionConfig) check(f *fields) {
	c.TimeEmbeddingDim = cmp.Or(c.TimeEmbeddingDim, 4*c.BlockChannels[0])
	if float64(c.BlockChannels[0]/2) == c.FreqShift {
		f.fail("freq_shift", "is %g, which divides by zero for %d channels",
			c.FreqShift, c.BlockChannels[0])
	}
	blocks := 0
	for i, layers := range c.TransformerLayers {
		blocks += layers * (2*c.LayersPerBlock[i] + 2)
	}
	if blocks > maxTransformers {
		f.fail("transformer_layers_per_block", "makes %d blocks, more than %d", blocks, maxTransformers)
	}
	for i, h := range c.AttentionHeads {
		if h > c.BlockChannels[i] && c.hasAttention(i) {
			f.fail("attention_head_dim", "is %d heads, more than the %d channels of level %d",
				h, c.BlockChannels[i], i)
		}
	}
}

// hasAttention says whether a transformer works at a level.
func (c *UNetConditionConfig) hasAttention(level int) bool {
	last := len(c.DownBlocks) - 1
	return c.DownBlocks[level] == "CrossAttnDownBlock2D" ||
		c.UpBlocks[last-level] == "CrossAttnUpBlock2D" ||
		level == last && c.MidBlock == "UNetMidBlock2DCrossAttn"
}
