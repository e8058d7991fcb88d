package model

import "io/fs"

// LoadProgress is called while weights are read: with the folder of the part, such as "unet", and how many
// bytes of its weights there are as float32, of how many. It is called before the first tensor and after
// every one. An error ends loading, which returns it.
type LoadProgress func(folder string, done, total int64) error

// WithLoadProgress is a file system of which the functions of this package that open networks report what
// they read.
func WithLoadProgress(fsys fs.FS, report LoadProgress) fs.FS {
	return &progressFS{fsys, report}
}

// progressFS has the methods that file systems may have, since what it wraps knows better than fs how to look
// at a file without opening it.
type progressFS struct {
	fs.FS
	report LoadProgress
}

var (
	_ fs.StatFS     = (*progressFS)(nil)
	_ fs.ReadFileFS = (*progressFS)(nil)
	_ fs.ReadDirFS  = (*progressFS)(nil)
	_ fs.SubFS      = (*progressFS)(nil)
)

// Stat implements [fs.StatFS].
func (p *progressFS) Stat(name string) (fs.FileInfo, error) { return fs.Stat(p.FS, name) }

// ReadFile implements [fs.ReadFileFS].
func (p *progressFS) ReadFile(name string) ([]byte, error) { return fs.ReadFile(p.FS, name) }

// ReadDir implements [fs.ReadDirFS].
func (p *progressFS) ReadDir(name string) ([]fs.DirEntry, error) { return fs.ReadDir(p.FS, name) }

// Sub implements [fs.SubFS].
func (p *progressFS) Sub(dir string) (fs.FS, error) {
	sub, err := fs.Sub(p.FS, dir)
	if err != nil {
		return nil, err
	}
	return &progressFS{sub, p.report}, nil
}

// loadReport counts the weights of a folder for the one who opened it, if he asked.
type loadReport struct {
	report      LoadProgress
	folder      string
	done, total int64
}

// newLoadReport is one that knows nothing of the weights yet.
func newLoadReport(fsys fs.FS, folder string) *loadReport {
	r := &loadReport{folder: folder}
	if p, ok := fsys.(*progressFS); ok {
		r.report = p.report
	}
	return r
}

// begin sets the total.
func (r *loadReport) begin(g *Graph) error {
	for _, p := range g.Params {
		r.total += 4 * int64(p.Len())
	}
	return r.add(0)
}

// add counts a tensor of n elements.
func (r *loadReport) add(n int) error {
	r.done += 4 * int64(n)
	if r.report == nil {
		return nil
	}
	return r.report(r.folder, r.done, r.total)
}
