package device

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// planFiles are the files of a cache, in order of name.
func planFiles(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	require.NoError(t, filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, p)
		}
		return err
	}))
	return files
}

func TestCache(t *testing.T) {
	dir := t.TempDir()
	c := newCache(Options{Cache: dir}, "NVIDIA ../x (sm_90)", "92801")
	assert.Nil(t, c.get("abc"))
	c.put("abc", []byte("plan"))
	assert.Equal(t, "plan", string(c.get("abc")))
	files := planFiles(t, dir)
	require.Len(t, files, 1)
	rel, err := filepath.Rel(dir, files[0])
	require.NoError(t, err)
	assert.Equal(t, "cudnn-92801/NVIDIA-..-x--sm_90-/abc.json", filepath.ToSlash(rel), "no name leaves the folder")
	info, err := os.Stat(filepath.Dir(files[0]))
	require.NoError(t, err)
	assert.EqualValues(t, 0o700, info.Mode().Perm(), "plans hold code")

	assert.Nil(t, newCache(Options{Cache: dir}, "NVIDIA ../x (sm_90)", "92900").get("abc"), "of another version")
	off := newCache(Options{NoCache: true}, "x", "1")
	off.put("abc", []byte("plan"))
	assert.Nil(t, off.get("abc"))
	newCache(Options{Cache: filepath.Join(files[0], "file")}, "x", "1").put("abc", nil) // cannot be made: nothing happens
}

func TestBundleErrors(t *testing.T) {
	dir := t.TempDir()
	_, err := readBundle(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, fs.ErrNotExist)
	text := filepath.Join(dir, "text")
	require.NoError(t, os.WriteFile(text, []byte("plans"), 0o600))
	_, err = readBundle(text)
	var e *BundleError
	require.ErrorAs(t, err, &e)
	other := filepath.Join(dir, "other")
	require.NoError(t, (&bundle{Format: 7}).write(other))
	_, err = readBundle(other)
	require.ErrorAs(t, err, &e)
	assert.Contains(t, err.Error(), "format 7")
	whole, err := os.ReadFile(other)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(other, whole[:len(whole)-9], 0o600))
	_, err = readBundle(other)
	require.ErrorAs(t, err, &e)
	require.Error(t, (&bundle{}).write(filepath.Join(dir, "no", "folder")))
	for _, f := range planFiles(t, dir) {
		assert.False(t, strings.HasPrefix(filepath.Base(f), "."), "%s was left behind", f)
	}
}
