package model

import (
	"io/fs"
	"slices"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// CLIPText is a CLIP text encoder: transformers' CLIPTextModel or
// CLIPTextModelWithProjection, whose hidden states are what Stable Diffusion attends to.
// It holds the weights once, and is safe for concurrent use. Its graph has two outputs,
// the hidden states and the pooled vector.
type CLIPText struct {
	network
	file    string
	config  CLIPTextConfig
	options TextOptions
}

// TextOptions says which hidden states an encoder gives. The zero value is the last,
// normalised: what Stable Diffusion 1 and 2 take. Stable Diffusion XL takes {1, true}.
type TextOptions struct {
	// Skip counts the blocks, from the last, that the hidden states have not gone
	// through: the "clip skip" of diffusers. Skip 1 is transformers' hidden_states[-2].
	Skip int
	// Raw leaves out the final layer norm. The pooled vector always has it.
	Raw bool
}

// textWeightFiles are the names transformers gives the weights.
var textWeightFiles = []string{
	"model.safetensors",
	"model.fp16.safetensors",
	"model.safetensors.index.json",
	"model.fp16.safetensors.index.json",
	"model.safetensors.index.fp16.json",
}

// OpenCLIPText loads a text encoder from a folder with config.json and weights in
// safetensors format, or from a pipeline's folder that has them in text_encoder/.
// Errors are those of [OpenUNet2D].
func OpenCLIPText(dir string) (*CLIPText, error) {
	return inFolder(dir, OpenCLIPTextFS)
}

// OpenCLIPTextFS is [OpenCLIPText] for a folder of a file system.
func OpenCLIPTextFS(fsys fs.FS, dir string) (*CLIPText, error) {
	return openCLIPText(fsys, dir, func(l loader) loader { return l })
}

// openCLIPText opens a text encoder whose weights are read by what wrap makes of the folder's loader.
func openCLIPText(fsys fs.FS, dir string, wrap func(loader) loader) (*CLIPText, error) {
	file, config, load, err := openPart(fsys, dir, "text_encoder", textWeightFiles)
	if err != nil {
		return nil, err
	}
	c, err := parseCLIPTextConfig(file, config)
	if err != nil {
		return nil, err
	}
	g, err := buildCLIPText(file, c, TextOptions{})
	if err != nil {
		return nil, err
	}
	n, err := newNetwork(file, g, 0, 0, wrap(load))
	if err != nil {
		return nil, err
	}
	return &CLIPText{network: n, file: file, config: c}, nil
}

// ParseCLIPText returns the graph that the config.json of a text encoder describes, without
// weights, as [ParseNetwork] does for U-Nets.
func ParseCLIPText(file string, config []byte, o TextOptions) (*Graph, error) {
	c, err := parseCLIPTextConfig(file, config)
	if err != nil {
		return nil, err
	}
	if err := o.check(c); err != nil {
		return nil, err
	}
	return buildCLIPText(file, c, o)
}

func (o TextOptions) check(c CLIPTextConfig) error {
	if o.Skip < 0 || o.Skip > c.Layers {
		return inputErrorf("Skip", "is %d, wanted 0..%d", o.Skip, c.Layers)
	}
	return nil
}

// Config returns the configuration with defaults filled in.
func (c *CLIPText) Config() CLIPTextConfig { return c.config }

// Options are those that the encoder was made with.
func (c *CLIPText) Options() TextOptions { return c.options }

// With returns an encoder of the same weights that gives other hidden states. A Skip that
// is negative or more than the number of blocks is an [*InputError].
func (c *CLIPText) With(o TextOptions) (*CLIPText, error) {
	if err := o.check(c.config); err != nil {
		return nil, err
	}
	g, err := buildCLIPText(c.file, c.config, o)
	if err != nil {
		return nil, err
	}
	w, err := bindWeights(g, c.weights.data)
	if err != nil {
		return nil, err
	}
	return &CLIPText{network{g, w}, c.file, c.config, o}, nil
}

// HiddenDim is the number of features of a token of the hidden states.
func (c *CLIPText) HiddenDim() int { return c.config.HiddenSize }

// PooledDim is the number of features of the pooled vector: the projection's, if there is
// one.
func (c *CLIPText) PooledDim() int {
	if c.config.Projection {
		return c.config.ProjectionDim
	}
	return c.config.HiddenSize
}

// MaxTokens is the number of tokens of the longest text.
func (c *CLIPText) MaxTokens() int { return c.config.MaxTokens }

// PooledToken is the position of the token whose features are pooled: that of the first
// end-of-text token. Files made by old versions say that this is token 2, which it never
// was; there it is the position of the largest number, since the real one is the last of
// CLIP's vocabulary (transformers, CLIPTextTransformer.forward). A text without an
// end-of-text token is an [*InputError].
func (c *CLIPText) PooledToken(ids []int32) (int, error) {
	if len(ids) == 0 {
		return 0, &InputError{"ids", "are no tokens"}
	}
	if c.config.EOS == legacyEOS {
		return slices.Index(ids, slices.Max(ids)), nil
	}
	i := slices.Index(ids, int32(c.config.EOS))
	if i < 0 {
		return 0, inputErrorf("ids", "have no end-of-text token (%d)", c.config.EOS)
	}
	return i, nil
}

// CompileTokens makes an executor for up to batch texts of a number of tokens. Its inputs
// are TokenIDs and TokenIndex, its outputs those of the graph. A nil pool runs on one
// thread. Errors are [*ShapeError].
func (c *CLIPText) CompileTokens(batch, tokens int, pool *workers.Pool) (*Executor, error) {
	return NewExecutorAt(c.graph, c.weights, batch, Size{1, 1, tokens}, pool)
}
