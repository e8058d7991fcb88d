package model

import (
	"io/fs"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// PixArt is a diffusers PixArtTransformer2DModel: the transformer over patches of latents that
// attends to a text, of Chen et al., "PixArt-α: Fast Training of Diffusion Transformer for
// Photorealistic Text-to-Image Synthesis", 2023, arXiv:2310.00426, and "PixArt-Σ", 2024,
// arXiv:2403.04692. Its text are the states of T5 ([T5Text]) without those of padding, which
// the network masks: what is not attended to is left out, with the same result. It holds the
// weights once, and is safe for concurrent use.
type PixArt struct {
	network
	config PixArtConfig
}

var _ Network = (*PixArt)(nil)

// Config returns the configuration with defaults filled in.
func (m *PixArt) Config() PixArtConfig { return m.config }

// Channels is the number of channels of the input latents.
func (m *PixArt) Channels() int { return m.config.InChannels }

// OutChannels is the number of channels of the output; twice the input's when the network
// predicts a variance too.
func (m *PixArt) OutChannels() int { return m.config.OutChannels }

// Height is the latents' height the network was made for.
func (m *PixArt) Height() int { return m.config.SampleSize }

// Width is the latents' width the network was made for.
func (m *PixArt) Width() int { return m.config.SampleSize }

// Classes is 0: the conditions are texts.
func (m *PixArt) Classes() int { return 0 }

// ContextDim is the number of features of a token of the text.
func (m *PixArt) ContextDim() int { return m.config.ContextDim }

// TimeIDs is how many numbers tell the size of the image: 3 of a network with micro-conditions
// (height and width in pixels, and height divided by width), else 0.
func (m *PixArt) TimeIDs() int {
	if m.config.MicroConditions {
		return pixartSizes
	}
	return 0
}

// CompileSize makes an executor for up to batch latents of a size, whose height and width are
// multiples of the patch's side. A nil pool runs on one thread. Errors are [*ShapeError].
func (m *PixArt) CompileSize(batch int, size Size, pool *workers.Pool) (*Executor, error) {
	return NewExecutorAt(m.graph, m.weights, batch, size, pool)
}

// OpenPixArt is [OpenUNet2D] for a PixArtTransformer2DModel, which pipelines have in transformer/.
func OpenPixArt(dir string) (*PixArt, error) {
	return inFolder(dir, OpenPixArtFS)
}

// OpenPixArtFS is [OpenPixArt] for a folder of a file system.
func OpenPixArtFS(fsys fs.FS, dir string) (*PixArt, error) {
	file, config, load, err := openPart(fsys, dir, transformerPart, weightFiles)
	if err != nil {
		return nil, err
	}
	return newPixArt(file, config, load)
}

// newPixArt builds the network of a configuration and loads its weights.
func newPixArt(file string, config []byte, load loader) (*PixArt, error) {
	c, err := parsePixArtConfig(file, config)
	if err != nil {
		return nil, err
	}
	g, err := buildPixArt(file, c)
	if err != nil {
		return nil, err
	}
	n, err := newNetwork(file, g, c.SampleSize, c.SampleSize, load)
	if err != nil {
		return nil, err
	}
	return &PixArt{network: n, config: c}, nil
}
