package model

import (
	"io/fs"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// FluxGuidanceUnit is what a network with guidance gets for a scale of 1.
const FluxGuidanceUnit = fluxTime

// Flux is a diffusers FluxTransformer2DModel: the transformer of text and image of FLUX.1
// (Black Forest Labs, 2024), with rotary positions. Its latents are not packed: four pixels
// become a token, and tokens pixels, within the network. It holds the weights once, and is
// safe for concurrent use.
type Flux struct {
	network
	config FluxConfig
}

var _ Network = (*Flux)(nil)

// Config returns the configuration with defaults filled in.
func (m *Flux) Config() FluxConfig { return m.config }

// Channels is the number of channels of the input latents, a quarter of that of a token.
func (m *Flux) Channels() int { return m.config.InChannels / (fluxSide * fluxSide) }

// OutChannels is the number of channels of the output.
func (m *Flux) OutChannels() int { return m.config.OutChannels / (fluxSide * fluxSide) }

// Height is 0: the file does not say. FLUX.1 was made for latents of 128x128.
func (m *Flux) Height() int { return 0 }

// Width is 0 as [Flux.Height] is.
func (m *Flux) Width() int { return 0 }

// Classes is 0: there are none.
func (m *Flux) Classes() int { return 0 }

// ContextDim is the number of features of a token of the text.
func (m *Flux) ContextDim() int { return m.config.ContextDim }

// CompileSize makes an executor for up to batch latents of an even height and width and
// texts of size.Tokens tokens. Its inputs are Sample, Timestep (1000 times the noise level),
// Context, Pooled and, where the configuration says so, 1000 times the guidance scale as TimestepCond.
// A nil pool runs on one thread. Errors are [*ShapeError].
func (m *Flux) CompileSize(batch int, size Size, pool *workers.Pool) (*Executor, error) {
	return NewExecutorAt(m.graph, m.weights, batch, size, pool)
}

// OpenFlux is [OpenUNet2D] for a FluxTransformer2DModel, which pipelines have in transformer/.
func OpenFlux(dir string) (*Flux, error) {
	return inFolder(dir, OpenFluxFS)
}

// OpenFluxFS is [OpenFlux] for a folder of a file system.
func OpenFluxFS(fsys fs.FS, dir string) (*Flux, error) {
	file, config, load, err := openPart(fsys, dir, transformerPart, weightFiles)
	if err != nil {
		return nil, err
	}
	return newFlux(file, config, load)
}

// newFlux builds the network of a configuration and loads its weights.
func newFlux(file string, config []byte, load loader) (*Flux, error) {
	c, err := parseFluxConfig(file, config)
	if err != nil {
		return nil, err
	}
	g, err := buildFlux(file, c)
	if err != nil {
		return nil, err
	}
	n, err := newNetwork(file, g, fluxSide, fluxSide, load)
	if err != nil {
		return nil, err
	}
	return &Flux{network: n, config: c}, nil
}
