package pipeline_test

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline"
)

const hubCommit = "0123456789abcdef0123456789abcdef01234567"

// hub makes a cache as huggingface_hub does: blobs by their hash, and a snapshot of links to them.
func hub(t *testing.T, repo, source string) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("HF_HUB_CACHE", dir)
	model := filepath.Join(dir, "models--"+strings.ReplaceAll(repo, "/", "--"))
	require.NoError(t, os.MkdirAll(filepath.Join(model, "blobs"), 0o755))
	require.NoError(t, os.MkdirAll(filepath.Join(model, "refs"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(model, "refs", "main"), []byte(hubCommit), 0o644))
	snapshot := filepath.Join(model, "snapshots", hubCommit)
	require.NoError(t, filepath.WalkDir(source, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(b)
		blob := hex.EncodeToString(sum[:])
		if err := os.WriteFile(filepath.Join(model, "blobs", blob), b, 0o644); err != nil {
			return err
		}
		rel, err := filepath.Rel(source, p)
		if err != nil {
			return err
		}
		link := filepath.Join(snapshot, rel)
		if err := os.MkdirAll(filepath.Dir(link), 0o755); err != nil {
			return err
		}
		up := strings.Repeat("../", 2+strings.Count(filepath.ToSlash(rel), "/"))
		return os.Symlink(up+"blobs/"+blob, link)
	}))
	return model
}

// TestHub opens a model by its name, by a revision, and by a commit.
func TestHub(t *testing.T) {
	model := hub(t, "org/sd15", "testdata/sd15")
	require.NoError(t, os.WriteFile(filepath.Join(model, "refs", "v1.0"), []byte(hubCommit+"\n"), 0o644))
	for _, name := range []string{"org/sd15", "org/sd15@main", "org/sd15@v1.0", "org/sd15@" + hubCommit} {
		require.True(t, pipeline.IsText(name))
		p, err := pipeline.OpenText(name, pipeline.Options{})
		require.NoError(t, err)
		require.Equal(t, "sd15", p.Info().Name)
		require.NoError(t, p.Close())
	}
	for name, want := range map[string]string{
		"org/none":                       "hf download org/none",
		"org/sd15@v2":                    `no revision "v2"`,
		"org/sd15@ffffffffffffffff":      "no revision",
		"org/sd15@refs/../../x":          "is no name",
		"org/sd15/unet":                  "want a folder",
		"../org/sd15":                    "want a folder",
		"org/" + strings.Repeat("x", 99): "want a folder",
	} {
		_, err := pipeline.OpenText(name, pipeline.Options{})
		var e *pipeline.OpenError
		require.ErrorAs(t, err, &e, name)
		require.ErrorContains(t, err, want, name)
	}
}

// TestHostileHub: neither a reference nor a link leads out of the model's folder.
func TestHostileHub(t *testing.T) {
	model := hub(t, "org/sd15", "testdata/sd15")
	secret := filepath.Join(t.TempDir(), "config.json")
	b, err := os.ReadFile("testdata/sd15/unet/config.json")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(secret, b, 0o644))
	config := filepath.Join(model, "snapshots", hubCommit, "unet", "config.json")
	require.NoError(t, os.Remove(config))
	require.NoError(t, os.Symlink(secret, config))
	_, err = pipeline.OpenText("org/sd15", pipeline.Options{})
	var e *pipeline.OpenError
	require.ErrorAs(t, err, &e)
	require.NoError(t, os.WriteFile(filepath.Join(model, "refs", "main"), []byte("../../.."), 0o644))
	_, err = pipeline.OpenText("org/sd15", pipeline.Options{})
	require.ErrorContains(t, err, "want a commit")
}
