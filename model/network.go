package model

import (
	"fmt"
	"io/fs"
)

// Network is what every network of images is: operations, weights, and the size of its
// input. The concrete types are [*UNet2D], [*UNetCondition], [*DiT], [*SD3], [*Flux],
// [*PixArt] and [*ImageCoder].
type Network interface {
	Graph() *Graph     // for other backends; must not be changed
	Weights() *Weights // the values of the graph's parameters
	Params() int
	Channels() int
	OutChannels() int
	Height() int // 0 if the file does not say
	Width() int
	Classes() int
}

var (
	_ Network = (*UNet2D)(nil)
	_ Network = (*UNetCondition)(nil)
)

// OpenNetwork opens the folder of a UNet2DModel, a UNet2DConditionModel, a
// DiTTransformer2DModel, an SD3Transformer2DModel, a FluxTransformer2DModel or a
// PixArtTransformer2DModel, whichever its config.json names, as [OpenUNet2D] does; in a
// pipeline's folder it is in unet/ or else in transformer/.
func OpenNetwork(dir string) (Network, error) {
	return inFolder(dir, OpenNetworkFS)
}

// OpenNetworkFS is [OpenNetwork] for a folder of a file system.
func OpenNetworkFS(fsys fs.FS, dir string) (Network, error) {
	file, config, load, err := openDenoiserPart(fsys, dir)
	if err != nil {
		return nil, err
	}
	return ofClass(file, config, load)
}

// ofClass makes the network of the class that a config.json names.
func ofClass(file string, config []byte, load loader) (Network, error) {
	const plain = "UNet2DModel"
	f := parseFields(file, config)
	class := f.choice("_class_name", plain, plain, conditionClass, ditClass, ditOldClass, sd3Class,
		fluxClass, pixartClass)
	if f.err != nil {
		return nil, f.err
	}
	if class == ditOldClass && f.choice("norm_type", "", pixartNorm) == pixartNorm { // or what a DiT says of it
		class = pixartClass
	}
	if class == ditClass || class == ditOldClass {
		d, err := newDiT(file, config, load)
		if err != nil {
			return nil, err
		}
		return d, nil
	}
	if class == sd3Class {
		m, err := newSD3(file, config, load)
		if err != nil {
			return nil, err
		}
		return m, nil
	}
	if class == fluxClass {
		m, err := newFlux(file, config, load)
		if err != nil {
			return nil, err
		}
		return m, nil
	}
	if class == pixartClass {
		m, err := newPixArt(file, config, load)
		if err != nil {
			return nil, err
		}
		return m, nil
	}
	if class == conditionClass {
		u, err := newUNetCondition(file, config, load)
		if err != nil {
			return nil, err
		}
		return u, nil
	}
	u, err := newUNet2D(file, config, load)
	if err != nil {
		return nil, err
	}
	return u, nil
}

// network is the part that the networks share.
type network struct {
	graph   *Graph
	weights *Weights
}

// newNetwork checks a graph, also at the size it was made for, and loads its weights.
func newNetwork(file string, g *Graph, height, width int, load loader) (network, error) {
	if err := g.Validate(); err != nil {
		return network{}, err
	}
	if height > 0 {
		if _, err := g.Shapes(height, width); err != nil {
			return network{}, &ConfigError{File: file, Key: "sample_size", Err: err,
				Detail: fmt.Sprintf("%dx%d does not fit the network", height, width)}
		}
	}
	w, err := load(g)
	if err != nil {
		return network{}, err
	}
	return network{g, w}, nil
}

// Params is the number of weights.
func (n *network) Params() int {
	sum := 0
	for _, p := range n.graph.Params {
		sum += p.Len()
	}
	return sum
}

// Graph returns the network's operations, for other backends. It must not be changed.
func (n *network) Graph() *Graph { return n.graph }

// Weights returns the values of the graph's parameters, for other backends.
func (n *network) Weights() *Weights { return n.weights }
