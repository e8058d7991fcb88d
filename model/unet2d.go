package model

import (
	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// UNet2D is a diffusers UNet2DModel: the network of unconditional and
// class-conditional image models (DDPM: Ho et al., 2020, arXiv:2006.11239; score-SDE:
// Song et al., 2021, arXiv:2011.13456; ADM: Dhariwal and Nichol, 2021,
// arXiv:2105.05233). It holds the weights once, and is safe for concurrent use.
type UNet2D struct {
	network
	config UNet2DConfig
}

// Config returns the configuration with defaults filled in. The caller must not
// change its lists.
func (u *UNet2D) Config() UNet2DConfig { return u.config }

// Channels is the number of channels of the input image.
func (u *UNet2D) Channels() int { return u.config.InChannels }

// OutChannels is the number of channels of the output; twice the input's when the
// network predicts a variance too.
func (u *UNet2D) OutChannels() int { return u.config.OutChannels }

// Height is the image height the network was made for, 0 if the file does not say.
func (u *UNet2D) Height() int { return u.config.SampleHeight }

// Width is the image width the network was made for, 0 if the file does not say.
func (u *UNet2D) Width() int { return u.config.SampleWidth }

// Classes is the number of class labels, 0 for a network without a table of classes.
func (u *UNet2D) Classes() int { return u.config.NumClasses }

// Compile makes an executor for up to batch images of the size the network was made
// for. A nil pool runs on one thread. Errors are [*ShapeError].
func (u *UNet2D) Compile(batch int, pool *workers.Pool) (*Executor, error) {
	if u.config.SampleHeight == 0 {
		return nil, &ShapeError{"sample", "the configuration has no sample_size, use CompileSize"}
	}
	return u.CompileSize(batch, u.config.SampleHeight, u.config.SampleWidth, pool)
}

// CompileSize makes an executor for up to batch images of height x width pixels.
func (u *UNet2D) CompileSize(batch, height, width int, pool *workers.Pool) (*Executor, error) {
	return NewExecutor(u.graph, u.weights, batch, height, width, pool)
}

// newUNet2D builds the network of a configuration and loads its weights.
func newUNet2D(file string, config []byte, load loader) (*UNet2D, error) {
	c, err := parseUNet2DConfig(file, config)
	if err != nil {
		return nil, err
	}
	g, err := buildUNet2D(file, c)
	if err != nil {
		return nil, err
	}
	n, err := newNetwork(file, g, c.SampleHeight, c.SampleWidth, load)
	if err != nil {
		return nil, err
	}
	return &UNet2D{network: n, config: c}, nil
}
