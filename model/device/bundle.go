package device

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// bundle is a file of plans, made ahead of time: gzipped JSON.
type bundle struct {
	Format int                        `json:"cudiffuse_plans"`
	Target string                     `json:"target"`
	Plans  map[string]json.RawMessage `json:"plans"` // by the hash of the graph, as cudnn.Plan.JSON
}

const (
	bundleFormat = 1
	maxBundle    = 1 << 30
)

// BundleError says what is wrong with a file of plans.
type BundleError struct {
	File, Detail string
	Err          error
}

// Error implements error.
func (e *BundleError) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("device: plans %s: %s: %v", e.File, e.Detail, e.Err)
	}
	return fmt.Sprintf("device: plans %s: %s", e.File, e.Detail)
}

// Unwrap implements errors.Unwrap.
func (e *BundleError) Unwrap() error { return e.Err }

// readBundle reads a file of plans.
func readBundle(file string) (*bundle, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, &BundleError{File: file, Detail: "cannot be opened", Err: err}
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, &BundleError{File: file, Detail: "is not a file of plans", Err: err}
	}
	b := &bundle{}
	d := json.NewDecoder(io.LimitReader(z, maxBundle))
	if err := d.Decode(b); err != nil {
		return nil, &BundleError{File: file, Detail: "is damaged", Err: err}
	}
	if b.Format != bundleFormat {
		return nil, &BundleError{File: file, Detail: fmt.Sprintf("format %d, want %d", b.Format, bundleFormat)}
	}
	return b, nil
}

// write makes the file, whole or not at all.
func (b *bundle) write(file string) error {
	return writeWhole(file, func(w io.Writer) error {
		z := gzip.NewWriter(w)
		if err := json.NewEncoder(z).Encode(b); err != nil {
			return err
		}
		return z.Close()
	})
}

// writeWhole writes beside a file and renames, so that nobody reads half of it.
func writeWhole(file string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return err
	}
	err = write(f)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
