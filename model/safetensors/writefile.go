package safetensors

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// WriteFile writes a file as [Write] does, all of it or nothing: into a new file in the
// same folder, which takes the place of path once it is complete and on disk. On
// failure what was at path is untouched and nothing is left behind.
func WriteFile(path string, tensors []Data, metadata map[string]string) error {
	f, err := createBeside(path)
	if err != nil {
		return &Error{File: path, Detail: "cannot be created", Err: err}
	}
	err = inFile(Write(f, tensors, metadata), path)
	if err == nil {
		err = wrap(path, f.Sync())
	}
	if cerr := f.Close(); err == nil {
		err = wrap(path, cerr)
	}
	if err == nil {
		err = wrap(path, os.Rename(f.Name(), path))
	}
	if err != nil {
		os.Remove(f.Name()) //nolint:errcheck // the first failure is the one that counts
	}
	return err
}

// wrap is nil for nil.
func wrap(path string, err error) error {
	if err == nil {
		return nil
	}
	return &Error{File: path, Detail: "cannot be written", Err: err}
}

// createBeside creates a new file in the folder of path. Unlike os.CreateTemp it gives
// the usual permissions, because the file will take the place of an ordinary one.
func createBeside(path string) (*os.File, error) {
	dir, base := filepath.Split(path)
	for try := 0; ; try++ {
		unique := strconv.FormatInt(time.Now().UnixNano(), 36)
		name := filepath.Join(dir, "."+base+"."+unique+".tmp")
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil || try == 100 || !errors.Is(err, fs.ErrExist) {
			return f, err
		}
	}
}
