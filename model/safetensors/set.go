package safetensors

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// Set is the tensors of one model, from one file or from many shards. All methods may
// be called by several goroutines at the same time.
type Set struct {
	name    string // for errors about tensors that no file has
	files   []*File
	tensors []Tensor // sorted by name
	owner   []*File  // of tensors[i]
}

// SetOf joins files into a set, which then owns them. A tensor name in two files is an
// [ErrFormat]; on failure the files stay with the caller.
func SetOf(files ...*File) (*Set, error) {
	s := &Set{files: slices.Clone(files)}
	names := make([]string, len(files))
	owner := map[string]*File{}
	for i, f := range files {
		if f == nil {
			return nil, &Error{Detail: fmt.Sprintf("file %d of the set is nil", i), Err: ErrMissing}
		}
		names[i] = f.name
		for _, t := range f.header.tensors {
			if first, dup := owner[t.Name]; dup {
				return nil, &Error{File: f.name, Tensor: t.Name, Err: ErrFormat,
					Detail: "is in " + first.name + " too, wanted each tensor in one file"}
			}
			owner[t.Name] = f
			s.tensors = append(s.tensors, t)
		}
	}
	s.name = strings.Join(names, ", ")
	slices.SortFunc(s.tensors, func(a, b Tensor) int { return strings.Compare(a.Name, b.Name) })
	s.owner = make([]*File, len(s.tensors))
	for i, t := range s.tensors {
		s.owner[i] = owner[t.Name]
	}
	return s, nil
}

// OpenSet opens the first of the candidates that exists in the folder, for example
// "unet/diffusion_pytorch_model.safetensors". A candidate that ends in ".index.json" is
// an index, which opens its shards:
//
//	{"metadata": {...}, "weight_map": {"tensor name": "shard.safetensors", ...}}
//
// A shard is a plain file name in the folder of the index. Every tensor must be in the
// shard that the index names, the shards must hold no others, and keys must not repeat.
//
// Names are slash-separated, and nothing leaves the folder, symbolic links included.
// When no candidate exists the error is [ErrMissing]; any other failure to open one is
// returned, not skipped.
func OpenSet(root *os.Root, candidates ...string) (*Set, error) {
	return OpenSetFS(root.FS(), candidates...)
}

// OpenSetFS is [OpenSet] for any file system, for example an embed.FS.
func OpenSetFS(fsys fs.FS, candidates ...string) (*Set, error) {
	for _, name := range candidates {
		// A name that cannot be valid is not a file that happens to be missing.
		if _, err := fs.Stat(fsys, name); fs.ValidPath(name) && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if strings.HasSuffix(name, ".index.json") {
			return openIndex(fsys, name)
		}
		f, err := OpenFS(fsys, name)
		if err != nil {
			return nil, err
		}
		return SetOf(f) // one file cannot repeat a name
	}
	return nil, &Error{File: strings.Join(candidates, ", "), Err: ErrMissing,
		Detail: "no such file in the folder"}
}

// Close closes all files of the set.
func (s *Set) Close() error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Tensors lists the tensors of all files, sorted by name. The caller owns the result.
func (s *Set) Tensors() []Tensor {
	out := make([]Tensor, len(s.tensors))
	for i, t := range s.tensors {
		out[i] = t.clone()
	}
	return out
}

// Tensor looks a tensor up by its name.
func (s *Set) Tensor(name string) (Tensor, bool) {
	i, ok := find(s.tensors, name)
	if !ok {
		return Tensor{}, false
	}
	return s.tensors[i].clone(), true
}

// File is the file that holds a tensor.
func (s *Set) File(name string) (*File, bool) {
	i, ok := find(s.tensors, name)
	if !ok {
		return nil, false
	}
	return s.owner[i], true
}

// lookup is File with an error.
func (s *Set) lookup(name string) (*File, error) {
	f, ok := s.File(name)
	if !ok {
		return nil, &Error{File: s.name, Tensor: name, Err: ErrMissing,
			Detail: fmt.Sprintf("is not among the %d tensors", len(s.tensors))}
	}
	return f, nil
}

// Float32s reads a float tensor as [File.Float32s] does.
func (s *Set) Float32s(name string) ([]float32, error) {
	f, err := s.lookup(name)
	if err != nil {
		return nil, err
	}
	return f.Float32s(name)
}

// Float64s reads a float tensor as [File.Float64s] does.
func (s *Set) Float64s(name string) ([]float64, error) {
	f, err := s.lookup(name)
	if err != nil {
		return nil, err
	}
	return f.Float64s(name)
}

// Int64s reads an integer or BOOL tensor as [File.Int64s] does.
func (s *Set) Int64s(name string) ([]int64, error) {
	f, err := s.lookup(name)
	if err != nil {
		return nil, err
	}
	return f.Int64s(name)
}

// Bytes reads the raw data of a tensor as [File.Bytes] does.
func (s *Set) Bytes(name string) ([]byte, error) {
	f, err := s.lookup(name)
	if err != nil {
		return nil, err
	}
	return f.Bytes(name)
}

// Want reads a float tensor that must have the given shape; no shape means a scalar.
// The error names the file, the tensor, and the wanted and the found shape: [ErrMissing],
// [ErrShape] or [ErrDType]. The shape is checked before anything is read.
func (s *Set) Want(name string, shape ...int) ([]float32, error) {
	f, err := s.lookup(name)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			e.Detail += fmt.Sprintf(", wanted one of shape %v", shape)
		}
		return nil, err
	}
	t, _ := f.Tensor(name)
	if !slices.Equal(t.Shape, shape) {
		return nil, &Error{File: f.name, Tensor: name, Err: ErrShape,
			Detail: fmt.Sprintf("shape is %v, wanted %v", t.Shape, shape)}
	}
	return f.Float32s(name)
}
