package model

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

// weightFiles are the names diffusers gives the weights, in the order they are tried.
var weightFiles = []string{
	"diffusion_pytorch_model.safetensors",
	"diffusion_pytorch_model.fp16.safetensors",
	"diffusion_pytorch_model.safetensors.index.json",
	"diffusion_pytorch_model.fp16.safetensors.index.json",
	"diffusion_pytorch_model.safetensors.index.fp16.json",
}

// OpenUNet2D loads a network from a folder with config.json and weights in safetensors
// format (float32, float16 or bfloat16; one file or shards), or from a pipeline's folder
// that has them in unet/. No path leaves the folder, symbolic links included.
//
// Errors are [*ConfigError], [*WeightError], those of package safetensors, and those of
// the file system.
func OpenUNet2D(dir string) (*UNet2D, error) {
	return inFolder(dir, OpenUNet2DFS)
}

// OpenUNet2DFS is [OpenUNet2D] for a folder of a file system, such as an embedded one.
func OpenUNet2DFS(fsys fs.FS, dir string) (*UNet2D, error) {
	file, config, load, err := openFolder(fsys, dir)
	if err != nil {
		return nil, err
	}
	return newUNet2D(file, config, load)
}

// loader reads the weights of a graph.
type loader func(*Graph) (*Weights, error)

// openFolder is openPart for a U-Net.
func openFolder(fsys fs.FS, dir string) (file string, config []byte, load loader, err error) {
	return openPart(fsys, dir, "unet", weightFiles)
}

// openPart reads the config.json of a folder, or of the pipeline's part in it, and
// returns its path, its text and what reads the weights beside it.
func openPart(fsys fs.FS, dir, part string, weights []string) (file string, config []byte,
	load loader, err error) {
	if !fs.ValidPath(dir) {
		return "", nil, nil, &ConfigError{File: dir, Detail: "is not a valid path", Err: fs.ErrInvalid}
	}
	file = path.Join(dir, "config.json")
	config, err = readLimited(fsys, file)
	if errors.Is(err, fs.ErrNotExist) {
		dir = path.Join(dir, part)
		inner := path.Join(dir, "config.json")
		var err2 error
		if config, err2 = readLimited(fsys, inner); !errors.Is(err2, fs.ErrNotExist) {
			file, err = inner, err2
		}
	}
	if err != nil {
		return "", nil, nil, &ConfigError{File: file, Detail: "cannot be read", Err: err}
	}
	return file, config, func(g *Graph) (*Weights, error) {
		names := make([]string, len(weights))
		for i, n := range weights {
			names[i] = path.Join(dir, n)
		}
		set, err := safetensors.OpenSetFS(fsys, names...)
		if err != nil {
			return nil, err
		}
		defer set.Close() //nolint:errcheck // only read from
		return loadWeights(g, set, newLoadReport(fsys, dir))
	}, nil
}

// inFolder calls open with the file system of a folder, which no path leaves.
func inFolder[T any](dir string, open func(fsys fs.FS, dir string) (T, error)) (T, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		var none T
		return none, fmt.Errorf("model: open folder: %w", err)
	}
	defer root.Close() //nolint:errcheck // only read from
	return open(root.FS(), ".")
}

// readLimited reads a small file, one byte more than is accepted at most.
func readLimited(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("is not a regular file")
	}
	if info.Size() > maxConfigBytes {
		return nil, fmt.Errorf("has %d bytes, more than %d", info.Size(), maxConfigBytes)
	}
	return fs.ReadFile(fsys, name)
}

// ignoredTensors are copies that old versions of diffusers stored: GaussianFourierProjection
// kept its weights under two names; and of transformers: CLIP's text encoder kept 0, 1, 2, ...,
// T5's its table of tokens twice.
var ignoredTensors = map[string]bool{"time_proj.W": true,
	"text_model.embeddings.position_ids": true, "embeddings.position_ids": true,
	"encoder.embed_tokens.weight": true}

// loadWeights reads the parameters of g. All names and shapes are checked before
// anything is read.
func loadWeights(g *Graph, set *safetensors.Set, report *loadReport) (*Weights, error) {
	used := map[string]bool{}
	names := make([]string, len(g.Params))
	for i, p := range g.Params {
		name, t, err := findTensor(set, p)
		if err != nil {
			return nil, err
		}
		if !slices.Equal(t.Shape, p.Shape) {
			return nil, weightError(set, name, fmt.Sprintf("shape %v", p.Shape),
				fmt.Sprintf("shape %v", t.Shape), safetensors.ErrShape)
		}
		names[i], used[name] = name, true
	}
	for _, t := range set.Tensors() {
		if !used[t.Name] && !ignoredTensors[t.Name] {
			return nil, weightError(set, t.Name, "no such tensor",
				fmt.Sprintf("one of shape %v", t.Shape), errUnexpected)
		}
	}
	if err := report.begin(g); err != nil {
		return nil, err
	}
	data := make([][]float32, len(g.Params))
	for i, p := range g.Params {
		var err error
		if data[i], err = set.Want(names[i], p.Shape...); err != nil {
			return nil, err
		}
		if err := report.add(p.Len()); err != nil {
			return nil, err
		}
	}
	return ownWeights(g, data)
}

// errUnexpected is the cause of a [WeightError] for a tensor the network does not have.
var errUnexpected = errors.New("the configuration has no such layer")

// findTensor looks a parameter up under its two names.
func findTensor(set *safetensors.Set, p Param) (string, safetensors.Tensor, error) {
	for _, name := range []string{p.Name, p.Alt} {
		if t, ok := set.Tensor(name); ok && name != "" {
			return name, t, nil
		}
	}
	return "", safetensors.Tensor{}, weightError(set, p.Name, fmt.Sprintf("shape %v", p.Shape),
		"nothing", safetensors.ErrMissing)
}

// weightError names the file of the tensor, or the first file when none has it.
func weightError(set *safetensors.Set, tensor, wanted, found string, cause error) error {
	e := &WeightError{Tensor: tensor, Wanted: wanted, Found: found, Err: cause}
	if f, ok := set.File(tensor); ok {
		e.File = f.Name()
	} else if all := set.Tensors(); len(all) > 0 {
		if f, ok := set.File(all[0].Name); ok {
			e.File = f.Name()
		}
	}
	return e
}
