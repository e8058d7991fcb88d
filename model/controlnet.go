package model

import (
	"io/fs"
	"math"

	"github.com/cudiffuse/cudiffuse/internal/workers"
)

// ControlNet is a diffusers ControlNetModel: a copy of the first half of a U-Net that
// looks at an image beside the latents, such as the edges or the depth of what is to be
// drawn, and gives what is added to the results of that half (Zhang et al., 2023,
// arXiv:2302.05543). It holds the weights once, and is safe for concurrent use.
type ControlNet struct {
	network
	config ControlNetConfig
}

// Config returns the configuration with defaults filled in. The caller must not change
// its lists.
func (c *ControlNet) Config() ControlNetConfig { return c.config }

// CompileSize makes an executor for up to batch latents of a size and texts of
// size.Tokens tokens. Its run takes Sample, Timestep and Context as the U-Net does,
// Control of Config().Factor() times the height and width of the latents, with values
// within 0..1, and ControlScale, which [ControlScales] makes. RunAll gives the
// Config().Residuals() residuals. A nil pool runs on one thread. Errors are [*ShapeError].
func (c *ControlNet) CompileSize(batch int, size Size, pool *workers.Pool) (*Executor, error) {
	return NewExecutorAt(c.graph, c.weights, batch, size, pool)
}

// ControlScales are the factors of n residuals: scale for all, or with guess, diffusers'
// guess mode, scale times powers of ten that rise evenly from 0.1 for the first to 1 for
// the last. It is nil for n < 1.
func ControlScales(n int, scale float64, guess bool) []float32 {
	if n < 1 {
		return nil
	}
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(scale)
		if guess && i < n-1 {
			power := float32(math.Pow(10, float64(i)/float64(n-1)-1)) // torch.logspace(-1, 0, n)
			out[i] = power * float32(scale)
		}
	}
	return out
}

// OpenControlNet loads a ControlNet from a folder, or from a pipeline's folder that has
// it in controlnet/. Errors are those of [OpenUNet2D].
func OpenControlNet(dir string) (*ControlNet, error) {
	return inFolder(dir, OpenControlNetFS)
}

// OpenControlNetFS is [OpenControlNet] for a folder of a file system.
func OpenControlNetFS(fsys fs.FS, dir string) (*ControlNet, error) {
	file, config, load, err := openPart(fsys, dir, "controlnet", weightFiles)
	if err != nil {
		return nil, err
	}
	return newControlNet(file, config, load)
}

// ParseControlNet is the ControlNet that a config.json describes, without weights, as [ParseNetwork] is for networks.
func ParseControlNet(file string, config []byte) (*ControlNet, error) {
	return newControlNet(file, config, func(*Graph) (*Weights, error) { return nil, nil })
}

// newControlNet builds the network of a configuration and loads its weights.
func newControlNet(file string, config []byte, load loader) (*ControlNet, error) {
	c, err := parseControlNetConfig(file, config)
	if err != nil {
		return nil, err
	}
	g, err := buildControlNet(file, c)
	if err != nil {
		return nil, err
	}
	n, err := newNetwork(file, g, 0, 0, load)
	if err != nil {
		return nil, err
	}
	if c.BGR && n.weights != nil {
		reverseInput(g, n.weights, "controlnet_cond_embedding.conv_in.weight")
	}
	return &ControlNet{network: n, config: c}, nil
}

// reverseInput reverses the input channels of a convolution's weight, which is the same
// as reversing those of its operand. Nothing may be packed yet.
func reverseInput(g *Graph, w *Weights, name string) {
	for i, p := range g.Params {
		if p.Name != name {
			continue
		}
		kernel := p.Shape[2] * p.Shape[3]
		flipped := make([]float32, 0, p.Len())
		for o := range p.Shape[0] {
			for c := p.Shape[1] - 1; c >= 0; c-- {
				at := (o*p.Shape[1] + c) * kernel
				flipped = append(flipped, w.data[i].values[at:at+kernel]...)
			}
		}
		w.data[i] = newTensor(flipped)
	}
}
