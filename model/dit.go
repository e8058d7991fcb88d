package model

import (
	"errors"
	"io/fs"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// DiT is a diffusers DiTTransformer2DModel: the class-conditional transformer over patches of
// latents of Peebles and Xie, "Scalable Diffusion Models with Transformers", 2022,
// arXiv:2212.09748. It holds the weights once, and is safe for concurrent use.
type DiT struct {
	network
	config DiTConfig
}

var _ Network = (*DiT)(nil)

// Config returns the configuration with defaults filled in.
func (d *DiT) Config() DiTConfig { return d.config }

// Channels is the number of channels of the input latents.
func (d *DiT) Channels() int { return d.config.InChannels }

// OutChannels is the number of channels of the output; twice the input's when the network
// predicts a variance too.
func (d *DiT) OutChannels() int { return d.config.OutChannels }

// Height is the latents' height the network was made for.
func (d *DiT) Height() int { return d.config.SampleSize }

// Width is the latents' width the network was made for.
func (d *DiT) Width() int { return d.config.SampleSize }

// Classes is the number of class labels, the one of no class included.
func (d *DiT) Classes() int { return d.config.Classes + 1 }

// NoClass is the label of no class, for guidance: the last one.
func (d *DiT) NoClass() Class { return Class(d.config.Classes) }

// CompileSize makes an executor for up to batch latents of height x width, each a multiple of
// the patch's side. A nil pool runs on one thread. Errors are [*ShapeError].
func (d *DiT) CompileSize(batch, height, width int, pool *workers.Pool) (*Executor, error) {
	return NewExecutor(d.graph, d.weights, batch, height, width, pool)
}

// OpenDiT is [OpenUNet2D] for a DiTTransformer2DModel, which pipelines have in transformer/.
func OpenDiT(dir string) (*DiT, error) {
	return inFolder(dir, OpenDiTFS)
}

// OpenDiTFS is [OpenDiT] for a folder of a file system.
func OpenDiTFS(fsys fs.FS, dir string) (*DiT, error) {
	file, config, load, err := openPart(fsys, dir, transformerPart, weightFiles)
	if err != nil {
		return nil, err
	}
	return newDiT(file, config, load)
}

// transformerPart is the folder of a pipeline that holds its transformer.
const transformerPart = "transformer"

// openDenoiserPart is openPart for a U-Net, or for a transformer where there is none.
func openDenoiserPart(fsys fs.FS, dir string) (file string, config []byte, load loader, err error) {
	file, config, load, err = openFolder(fsys, dir)
	if !errors.Is(err, fs.ErrNotExist) {
		return file, config, load, err
	}
	file2, config2, load2, err2 := openPart(fsys, dir, transformerPart, weightFiles)
	if errors.Is(err2, fs.ErrNotExist) {
		return file, config, load, err
	}
	return file2, config2, load2, err2
}

// newDiT builds the network of a configuration and loads its weights.
func newDiT(file string, config []byte, load loader) (*DiT, error) {
	c, err := parseDiTConfig(file, config)
	if err != nil {
		return nil, err
	}
	g, err := buildDiT(file, c)
	if err != nil {
		return nil, err
	}
	n, err := newNetwork(file, g, c.SampleSize, c.SampleSize, load)
	if err != nil {
		return nil, err
	}
	return &DiT{network: n, config: c}, nil
}
