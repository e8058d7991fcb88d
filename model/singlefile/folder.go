package singlefile

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"time"

	"github.com/cudiffuse/cudiffuse/model/safetensors"
)

// Folder is a file shown as a folder in diffusers' format. It has no list of its files, which are opened by
// their names. Safe for concurrent use.
type Folder struct {
	file    *safetensors.File
	variant Variant
	configs Configs
	views   map[string]*safetensors.View
	tokens  fs.FS
}

var _ fs.FS = (*Folder)(nil)

// Options of [Open]. The zero value infers the variant and has no tokenizer.
type Options struct {
	Variant Variant // "" infers it, see [Infer]
	// Tokenizer is a folder with vocab.json and merges.txt, or tokenizer.json, or one that has them in
	// tokenizer/ as diffusers folders do. How texts are padded is the variant's, whatever the folder says.
	Tokenizer fs.FS
}

// Open opens a file, whose kind [Infer] tells even where the options name a variant. Errors are [*Error] and those of package safetensors.
func Open(name string, o Options) (*Folder, error) {
	if err := refusePickle(name); err != nil {
		return nil, err
	}
	f, err := safetensors.Open(name)
	if err != nil {
		return nil, err
	}
	folder, err := open(f, o)
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return folder, nil
}

func open(f *safetensors.File, o Options) (*Folder, error) {
	if o.Variant != "" && !slices.Contains(Variants(), o.Variant) {
		return nil, &Error{File: f.Name(), Detail: fmt.Sprintf("variant %.40q: want %s", string(o.Variant), variantNames()), Err: ErrVariant}
	}
	v, err := Infer(f)
	if err != nil {
		return nil, err
	}
	v = cmp.Or(o.Variant, v)
	c, err := v.Configs()
	if err != nil {
		return nil, err
	}
	if err := configure(f, v, c); err != nil {
		return nil, err
	}
	folder, err := New(f, c, o.Tokenizer)
	if err != nil {
		return nil, err
	}
	folder.variant = v
	return folder, nil
}

// New is [Open] for an open file and configurations of one's own: model_index.json,
// scheduler/scheduler_config.json and the config.json of the parts. The folder then owns the file.
func New(f *safetensors.File, c Configs, tokens fs.FS) (*Folder, error) {
	parts, err := Parts(f, c)
	if err != nil {
		return nil, err
	}
	folder := &Folder{file: f, configs: c, views: map[string]*safetensors.View{}, tokens: tokens}
	for name, list := range parts {
		if folder.views[name], err = f.View(list); err != nil {
			return nil, err
		}
	}
	if err := folder.findTokens(len(parts) - 2); err != nil {
		return nil, err
	}
	return folder, nil
}

// Variant is what the file was opened as, "" after [New].
func (d *Folder) Variant() Variant { return d.variant }

// Close closes the file.
func (d *Folder) Close() error { return d.file.Close() }

// Open implements [fs.FS].
func (d *Folder) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	if b, ok := d.configs[name]; ok {
		return newFile(name, bytes.NewReader(b), int64(len(b))), nil
	}
	if v, ok := d.views[name]; ok {
		return newFile(name, v, v.Size()), nil
	}
	if from, ok := d.tokenFile(name); ok {
		return d.tokens.Open(from)
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// file is an open file of the folder, and its own description.
type file struct {
	*io.SectionReader
	name string
}

func newFile(name string, r io.ReaderAt, size int64) *file {
	return &file{io.NewSectionReader(r, 0, size), path.Base(name)}
}

var _ fs.FileInfo = (*file)(nil)

func (f *file) Stat() (fs.FileInfo, error) { return f, nil }
func (f *file) Close() error               { return nil }
func (f *file) Name() string               { return f.name }
func (f *file) Mode() fs.FileMode          { return 0o444 }
func (f *file) ModTime() time.Time         { return time.Time{} }
func (f *file) IsDir() bool                { return false }
func (f *file) Sys() any                   { return nil }
