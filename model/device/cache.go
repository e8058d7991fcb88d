package device

import (
	"io"
	"os"
	"path/filepath"
	"strings"
)

// cache keeps plans in a folder, one file a graph. What cannot be read or written is as
// if it were not there: the plan is made again.
type cache struct{ dir string }

// newCache returns the folder for a target and a version of the library, "" for none.
func newCache(o Options, target, version string) cache {
	if o.NoCache {
		return cache{}
	}
	dir := o.Cache
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return cache{}
		}
		dir = filepath.Join(user, "cudiffuse", "plans")
	}
	safe := func(s string) string {
		return strings.Map(func(r rune) rune {
			switch {
			case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '.', r == '_':
				return r
			}
			return '-'
		}, s)
	}
	return cache{filepath.Join(dir, "cudnn-"+safe(version), safe(target))}
}

func (c cache) file(hash string) string { return filepath.Join(c.dir, hash+".json") }

// get returns a stored plan, nil if there is none.
func (c cache) get(hash string) []byte {
	if c.dir == "" {
		return nil
	}
	const most = 64 << 20
	f, err := os.Open(c.file(hash))
	if err != nil {
		return nil
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most))
	if err != nil {
		return nil
	}
	return b
}

// put stores a plan.
func (c cache) put(hash string, text []byte) {
	if c.dir == "" || os.MkdirAll(c.dir, 0o700) != nil {
		return
	}
	_ = writeWhole(c.file(hash), func(w io.Writer) error {
		_, err := w.Write(text)
		return err
	})
}
