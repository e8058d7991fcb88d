package model

import (
	"io/fs"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// UNetCondition is a diffusers UNet2DConditionModel: the network of latent diffusion
// models whose image attends to a text (Rombach et al., 2022, arXiv:2112.10752), as
// Stable Diffusion 1, 2 and XL have it. It holds the weights once, and is safe for
// concurrent use.
type UNetCondition struct {
	network
	config  UNetConditionConfig
	control *ControlNetConfig // of the ControlNet within it, nil for none
}

// Config returns the configuration with defaults filled in. The caller must not
// change its lists.
func (u *UNetCondition) Config() UNetConditionConfig { return u.config }

// Channels is the number of channels of the input latents.
func (u *UNetCondition) Channels() int { return u.config.InChannels }

// OutChannels is the number of channels of the output.
func (u *UNetCondition) OutChannels() int { return u.config.OutChannels }

// Height is the latents' height the network was made for, 0 if the file does not say.
func (u *UNetCondition) Height() int { return u.config.SampleHeight }

// Width is the latents' width the network was made for, 0 if the file does not say.
func (u *UNetCondition) Width() int { return u.config.SampleWidth }

// Classes is the number of class labels, 0 for a network without a table of classes.
func (u *UNetCondition) Classes() int { return u.config.NumClasses }

// ContextDim is the number of features of a token of the text.
func (u *UNetCondition) ContextDim() int { return u.config.CrossAttentionDim }

// CompileSize makes an executor for up to batch latents of a size and texts of
// size.Tokens tokens. A nil pool runs on one thread. Errors are [*ShapeError].
func (u *UNetCondition) CompileSize(batch int, size Size, pool *workers.Pool) (*Executor, error) {
	return NewExecutorAt(u.graph, u.weights, batch, size, pool)
}

// OpenUNetCondition is [OpenUNet2D] for a UNet2DConditionModel.
func OpenUNetCondition(dir string) (*UNetCondition, error) {
	return inFolder(dir, OpenUNetConditionFS)
}

// OpenUNetConditionFS is [OpenUNetCondition] for a folder of a file system.
func OpenUNetConditionFS(fsys fs.FS, dir string) (*UNetCondition, error) {
	file, config, load, err := openFolder(fsys, dir)
	if err != nil {
		return nil, err
	}
	return newUNetCondition(file, config, load)
}

// newUNetCondition builds the network of a configuration and loads its weights.
func newUNetCondition(file string, config []byte, load loader) (*UNetCondition, error) {
	c, err := parseUNetConditionConfig(file, config)
	if err != nil {
		return nil, err
	}
	g, err := buildUNetCondition(file, c)
	if err != nil {
		return nil, err
	}
	n, err := newNetwork(file, g, c.SampleHeight, c.SampleWidth, load)
	if err != nil {
		return nil, err
	}
	return &UNetCondition{network: n, config: c}, nil
}
