package safetensors

import (
	"bytes"
	"io"
	"io/fs"
	"maps"
	"os"
	"sync/atomic"
)

// File is an open safetensors file whose header has been checked. Its tensors are read
// on demand. All methods may be called by several goroutines at the same time.
type File struct {
	name   string
	r      io.ReaderAt
	closer io.Closer // nil when the reader belongs to the caller
	closed atomic.Bool
	header header
}

// Open opens the file at path, which must be a regular file. Use [OpenFile] for a name
// that comes from elsewhere.
func Open(path string) (*File, error) {
	// Looked at before it is opened: opening a named pipe would wait for a writer.
	info, err := os.Stat(path)
	if err != nil {
		return nil, &Error{File: path, Detail: "cannot be opened", Err: err}
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(path, info)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &Error{File: path, Detail: "cannot be opened", Err: err}
	}
	return openHandle(f, path)
}

// OpenFile opens a file inside a folder. The name is slash-separated as for
// [fs.ValidPath]. Nothing leaves the folder, symbolic links included: a link that points
// out of it is an error.
func OpenFile(root *os.Root, name string) (*File, error) { return OpenFS(root.FS(), name) }

// OpenFS opens a file of any file system, for example an embed.FS. If its files cannot
// be read at an offset, the whole file is read into memory.
func OpenFS(fsys fs.FS, name string) (*File, error) {
	f, err := openRegular(fsys, name)
	if err != nil {
		return nil, err
	}
	return openHandle(f, name)
}

// openRegular opens a regular file.
func openRegular(fsys fs.FS, name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &Error{File: name, Detail: "wanted a slash-separated name inside the folder",
			Err: fs.ErrInvalid}
	}
	info, err := fs.Stat(fsys, name)
	if err != nil {
		return nil, &Error{File: name, Detail: "cannot be opened", Err: err}
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(name, info)
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, &Error{File: name, Detail: "cannot be opened", Err: err}
	}
	return f, nil
}

func notRegular(name string, info fs.FileInfo) error {
	return &Error{File: name, Err: ErrFormat,
		Detail: "wanted a regular file, found one of type " + info.Mode().Type().String()}
}

// openHandle parses an open file and closes it on failure.
func openHandle(h fs.File, name string) (*File, error) {
	f, err := parseHandle(h, name)
	if err != nil {
		h.Close() //nolint:errcheck // the first failure is the one that counts
		return nil, err
	}
	return f, nil
}

func parseHandle(h fs.File, name string) (*File, error) {
	info, err := h.Stat()
	if err != nil {
		return nil, &Error{File: name, Detail: "cannot be opened", Err: err}
	}
	if !info.Mode().IsRegular() {
		return nil, notRegular(name, info)
	}
	size := info.Size()
	r, ok := h.(io.ReaderAt)
	if !ok {
		b, err := io.ReadAll(io.LimitReader(h, size))
		if err != nil {
			return nil, &Error{File: name, Detail: "cannot be read", Err: err}
		}
		r = bytes.NewReader(b)
	}
	f, err := Parse(r, size, name)
	if err != nil {
		return nil, err
	}
	f.closer = h
	return f, nil
}

// Parse reads the header of a file of size bytes behind r and checks all of it; the
// data is read later, from r, which must stay valid and allow concurrent calls as
// [io.ReaderAt] says. The name is only used in errors. Closing the File does not close r.
func Parse(r io.ReaderAt, size int64, name string) (*File, error) {
	h, err := readHeader(r, size)
	if err != nil {
		return nil, inFile(err, name)
	}
	return &File{name: name, r: r, header: h}, nil
}

// Close closes the file. Reads after it fail with fs.ErrClosed. It may be called twice.
func (f *File) Close() error {
	if f.closed.Swap(true) || f.closer == nil {
		return nil
	}
	if err := f.closer.Close(); err != nil {
		return &Error{File: f.name, Detail: "cannot be closed", Err: err}
	}
	return nil
}

// Name is the name that the file was opened by.
func (f *File) Name() string { return f.name }

// Tensors lists the tensors, sorted by name. The caller owns the result.
func (f *File) Tensors() []Tensor {
	out := make([]Tensor, len(f.header.tensors))
	for i, t := range f.header.tensors {
		out[i] = t.clone()
	}
	return out
}

// Tensor looks a tensor up by its name.
func (f *File) Tensor(name string) (Tensor, bool) {
	i, ok := find(f.header.tensors, name)
	if !ok {
		return Tensor{}, false
	}
	return f.header.tensors[i].clone(), true
}

// Metadata is a copy of the file's __metadata__, empty when there is none.
func (f *File) Metadata() map[string]string { return maps.Clone(f.header.metadata) }
