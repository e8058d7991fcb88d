package model

import (
	"io/fs"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// SD3 is a diffusers SD3Transformer2DModel, the network of Stable Diffusion 3 and 3.5: the
// transformer over patches of latents and tokens of a text together (MM-DiT) of Esser et al.,
// "Scaling Rectified Flow Transformers for High-Resolution Image Synthesis", 2024,
// arXiv:2403.03206. Its result is the velocity of a rectified flow, noise minus image, at a
// time of 1000 times the noise's share. It holds the weights once, and is safe for concurrent
// use.
type SD3 struct {
	network
	config SD3Config
}

var _ Network = (*SD3)(nil)

// Config returns the configuration with defaults filled in.
func (m *SD3) Config() SD3Config { return m.config }

// Channels is the number of channels of the input latents.
func (m *SD3) Channels() int { return m.config.InChannels }

// OutChannels is the number of channels of the output.
func (m *SD3) OutChannels() int { return m.config.OutChannels }

// Height is the latents' height the network was made for.
func (m *SD3) Height() int { return m.config.SampleSize }

// Width is the latents' width the network was made for.
func (m *SD3) Width() int { return m.config.SampleSize }

// Classes is 0: the conditions are texts.
func (m *SD3) Classes() int { return 0 }

// ContextDim is the number of features of a token of the text.
func (m *SD3) ContextDim() int { return m.config.ContextDim }

// PooledDim is the number of features of the pooled text.
func (m *SD3) PooledDim() int { return m.config.PooledDim }

// CompileSize makes an executor for up to batch latents of a size, whose height and width are
// multiples of the patch's side, at most Config().PositionSize patches each. A nil pool runs
// on one thread. Errors are [*ShapeError].
func (m *SD3) CompileSize(batch int, size Size, pool *workers.Pool) (*Executor, error) {
	return NewExecutorAt(m.graph, m.weights, batch, size, pool)
}

// OpenSD3 is [OpenUNet2D] for an SD3Transformer2DModel, which pipelines have in transformer/.
func OpenSD3(dir string) (*SD3, error) {
	return inFolder(dir, OpenSD3FS)
}

// OpenSD3FS is [OpenSD3] for a folder of a file system.
func OpenSD3FS(fsys fs.FS, dir string) (*SD3, error) {
	file, config, load, err := openPart(fsys, dir, transformerPart, weightFiles)
	if err != nil {
		return nil, err
	}
	return newSD3(file, config, load)
}

// newSD3 builds the network of a configuration and loads its weights.
func newSD3(file string, config []byte, load loader) (*SD3, error) {
	c, err := parseSD3Config(file, config)
	if err != nil {
		return nil, err
	}
	g, err := buildSD3(file, c)
	if err != nil {
		return nil, err
	}
	n, err := newNetwork(file, g, c.SampleSize, c.SampleSize, load)
	if err != nil {
		return nil, err
	}
	return &SD3{network: n, config: c}, nil
}
