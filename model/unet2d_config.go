package model

import (
	"cmp"
	"encoding/json"
	"strings"
)

// UNet2DConfig is a config.json of diffusers' UNet2DModel with its defaults filled in.
// Field by field it is the constructor of diffusers/models/unets/unet_2d.py.
type UNet2DConfig struct {
	SampleHeight, SampleWidth int // 0 when sample_size is null
	InChannels, OutChannels   int
	CenterInput               bool   // center_input_sample: the network takes 2x - 1
	TimeEmbedding             string // "positional" or "fourier"
	TimeEmbeddingDim          int
	FreqShift                 float64
	FlipSinToCos              bool
	DownBlocks, UpBlocks      []string
	MidBlock                  bool
	MidBlockScale             float64
	BlockChannels             []int
	LayersPerBlock            int
	DownsamplePadding         int
	DownsampleType            string // "conv" or "resnet", for AttnDownBlock2D
	UpsampleType              string // "conv" or "resnet", for AttnUpBlock2D
	Act                       Activation
	AttentionHeadDim          int // 0 for null: one head of all channels
	NormGroups                int // 0 for null
	AttnNormGroups            int // 0 for null
	NormEps                   float64
	ScaleShift                bool // resnet_time_scale_shift "scale_shift"
	AddAttention              bool // attention in the middle block
	ClassEmbedding            ClassEmbedding
	NumClasses                int // rows of the table, for ClassTable
}

// ClassEmbedding is how a network takes its class.
type ClassEmbedding int

// The kinds of class embedding.
const (
	ClassNone     ClassEmbedding = iota
	ClassTable                   // a table of NumClasses vectors
	ClassTimestep                // the label is embedded as a time step
	ClassIdentity                // the caller gives the embedding
)

// Limits on a configuration, far above every published network, so that a hostile
// file cannot make sizes overflow.
const (
	maxConfigBytes = 1 << 20
	maxBlocks      = 16
	maxLayers      = 64
	maxWidth       = 1 << 14 // channels of a block
	maxClasses     = 1 << 24
)

var downBlockTypes = []string{"DownBlock2D", "AttnDownBlock2D", "SkipDownBlock2D",
	"AttnSkipDownBlock2D", "ResnetDownsampleBlock2D"}

var upBlockTypes = []string{"UpBlock2D", "AttnUpBlock2D", "SkipUpBlock2D",
	"AttnSkipUpBlock2D", "ResnetUpsampleBlock2D"}

// parseUNet2DConfig reads a config.json. Errors are [*ConfigError].
func parseUNet2DConfig(file string, data []byte) (UNet2DConfig, error) {
	f := parseFields(file, data)
	f.choice("_class_name", "UNet2DModel", "UNet2DModel")
	c := UNet2DConfig{
		DownBlocks: []string{"DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D",
			"AttnDownBlock2D"},
		UpBlocks:      []string{"AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"},
		BlockChannels: []int{224, 448, 672, 896},
	}
	c.readSizes(f)
	c.readTime(f)
	c.readBlocks(f)
	c.readNorms(f)
	c.readClasses(f)
	f.float("dropout", 0, 0, 1)                    // no effect on inference
	f.optInt("num_train_timesteps", 0, maxClasses) // only for "learned" embeddings
	if f.rest(); f.err == nil {
		c.check(f)
	}
	return c, f.err
}

func (c *UNet2DConfig) readSizes(f *fields) {
	c.SampleHeight, c.SampleWidth = f.sampleSize()
	c.InChannels = f.int("in_channels", 3, 1, maxWidth)
	c.OutChannels = f.int("out_channels", 3, 1, maxWidth)
	c.CenterInput = f.bool("center_input_sample", false)
}

// sampleSize reads one number for both sides, or [height, width]; 0 for null.
func (f *fields) sampleSize() (height, width int) {
	v, ok := f.raw("sample_size")
	if !ok {
		return 0, 0
	}
	if !isList(v) {
		n := f.integer("sample_size", v, 1, maxSide)
		return n, n
	}
	var hw []json.RawMessage
	f.list("sample_size", 2, func(v json.RawMessage) { hw = append(hw, v) })
	if f.err == nil && len(hw) != 2 {
		f.fail("sample_size", "has %d elements, wanted 2", len(hw))
	}
	if f.err != nil {
		return 0, 0
	}
	return f.integer("sample_size", hw[0], 1, maxSide), f.integer("sample_size", hw[1], 1, maxSide)
}

func isList(v json.RawMessage) bool { return strings.HasPrefix(strings.TrimSpace(string(v)), "[") }

func (c *UNet2DConfig) readTime(f *fields) {
	c.TimeEmbedding = f.choice("time_embedding_type", "positional", "positional", "fourier")
	if c.TimeEmbedding == "" {
		f.fail("time_embedding_type", "is null")
	}
	c.TimeEmbeddingDim = f.optInt("time_embedding_dim", 0, 16*maxWidth)
	c.FreqShift = f.float("freq_shift", 0, -1e6, 1e6)
	c.FlipSinToCos = f.bool("flip_sin_to_cos", true)
}

func (c *UNet2DConfig) readBlocks(f *fields) {
	c.DownBlocks = f.blocks("down_block_types", c.DownBlocks, downBlockTypes)
	c.UpBlocks = f.blocks("up_block_types", c.UpBlocks, upBlockTypes)
	if _, ok := f.raw("block_out_channels"); ok {
		c.BlockChannels = nil
	}
	f.list("block_out_channels", maxBlocks, func(v json.RawMessage) {
		c.BlockChannels = append(c.BlockChannels, f.integer("block_out_channels", v, 1, maxWidth))
	})
	c.MidBlock = f.choice("mid_block_type", "UNetMidBlock2D", "UNetMidBlock2D") != ""
	c.MidBlockScale = f.float("mid_block_scale_factor", 1, 1e-6, 1e6)
	c.LayersPerBlock = f.int("layers_per_block", 2, 1, maxLayers)
	c.DownsamplePadding = f.int("downsample_padding", 1, 0, 1)
	// diffusers takes null as "conv" here.
	c.DownsampleType = cmp.Or(f.choice("downsample_type", "conv", "conv", "resnet"), "conv")
	c.UpsampleType = cmp.Or(f.choice("upsample_type", "conv", "conv", "resnet"), "conv")
	c.AddAttention = f.bool("add_attention", true)
	c.AttentionHeadDim = f.optInt("attention_head_dim", 8, maxWidth)
	c.AttnNormGroups = f.optInt("attn_norm_num_groups", 0, maxWidth)
}

// blocks reads a list of block types; old files prefix them with "UNetRes".
func (f *fields) blocks(key string, def, allowed []string) []string {
	if _, ok := f.raw(key); !ok {
		f.noNull(key)
		return def
	}
	var out []string
	f.list(key, maxBlocks, func(v json.RawMessage) {
		var s string
		if f.decode(key, v, &s, "a string") {
			s = strings.TrimPrefix(s, "UNetRes")
			f.oneOf(key, s, allowed)
			out = append(out, s)
		}
	})
	return out
}

func (c *UNet2DConfig) readNorms(f *fields) {
	if c.Act = f.activation("act_fn", "silu"); c.Act == Identity {
		f.fail("act_fn", "is null")
	}
	c.NormGroups = f.optInt("norm_num_groups", 32, maxWidth)
	c.NormEps = f.float("norm_eps", 1e-5, 1e-20, 1)
	kind := f.choice("resnet_time_scale_shift", "default", "default", "scale_shift")
	if kind == "" {
		f.fail("resnet_time_scale_shift", "is null")
	}
	c.ScaleShift = kind == "scale_shift"
}

// activation reads the name of an activation, Identity for null.
func (f *fields) activation(key, def string) Activation {
	acts := map[string]Activation{"silu": SiLU, "swish": SiLU, "mish": Mish, "gelu": GELU,
		"relu": ReLU}
	return acts[f.choice(key, def, "silu", "swish", "mish", "gelu", "relu")]
}

func (c *UNet2DConfig) readClasses(f *fields) {
	kind := f.choice("class_embed_type", "", "timestep", "identity")
	c.NumClasses = f.optInt("num_class_embeds", 0, maxClasses)
	switch {
	case kind == "timestep":
		c.ClassEmbedding, c.NumClasses = ClassTimestep, 0
	case kind == "identity":
		c.ClassEmbedding, c.NumClasses = ClassIdentity, 0
	case c.NumClasses > 0:
		c.ClassEmbedding = ClassTable
	}
}

// check looks at keys together; sizes that depend on the structure of the network are
// checked when it is built.
func (c *UNet2DConfig) check(f *fields) {
	n := len(c.BlockChannels)
	if len(c.DownBlocks) != n || len(c.UpBlocks) != n {
		f.fail("block_out_channels", "%d block_out_channels, %d down_block_types and "+
			"%d up_block_types: wanted as many of each", n, len(c.DownBlocks), len(c.UpBlocks))
		return
	}
	if c.TimeEmbeddingDim == 0 {
		c.TimeEmbeddingDim = 4 * c.BlockChannels[0]
	}
	if c.TimeEmbedding == "positional" && float64(c.BlockChannels[0]/2) == c.FreqShift {
		f.fail("freq_shift", "is %g, which divides by zero for %d channels",
			c.FreqShift, c.BlockChannels[0])
	}
	for i, b := range c.DownBlocks {
		if strings.Contains(b, "Skip") && c.InChannels != 3 && i < n-1 {
			f.fail("in_channels", "is %d, but the skip connection of %s takes 3", c.InChannels, b)
		}
	}
	for i, b := range c.UpBlocks {
		if strings.Contains(b, "Skip") && c.OutChannels != 3 && i < n-1 {
			f.fail("out_channels", "is %d, but the skip connection of %s makes 3", c.OutChannels, b)
		}
	}
}
