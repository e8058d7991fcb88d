package pipeline

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// folder is an opened model folder: dir below root, outside which nothing is read.
type folder struct {
	root *os.Root
	dir  string
	name string // of the model
}

// openModelFolder opens a folder on disk, or a model of the Hugging Face cache by its name, "org/model" or
// "org/model@revision". Nothing is fetched.
func openModelFolder(name string) (folder, error) {
	st, err := os.Stat(name)
	if errors.Is(err, fs.ErrNotExist) && hubName.MatchString(name) {
		return openHub(name)
	}
	if err != nil {
		return folder{}, &OpenError{Path: name, Detail: "want a folder in diffusers format", Err: err}
	}
	if !st.IsDir() {
		return folder{}, &OpenError{Path: name, Detail: "is a file: want a folder in diffusers format"}
	}
	root, err := os.OpenRoot(name)
	if err != nil {
		return folder{}, &OpenError{Path: name, Err: err}
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		abs = name
	}
	return folder{root: root, dir: ".", name: filepath.Base(abs)}, nil
}

// hubName are the names that the hub gives out: no path that could leave a folder is among them.
var hubName = regexp.MustCompile(`^[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}(@[A-Za-z0-9][\w./-]{0,95})?$`)

// IsHubName tells whether a name is that of a model of the Hugging Face cache, when no folder is called so.
func IsHubName(name string) bool { return hubName.MatchString(name) && !strings.Contains(name, "..") }

// hubCache is the folder that huggingface_hub keeps models in.
func hubCache() (string, error) {
	if dir := os.Getenv("HF_HUB_CACHE"); dir != "" {
		return dir, nil
	}
	home := os.Getenv("HF_HOME")
	if home == "" {
		cache := os.Getenv("XDG_CACHE_HOME")
		if cache == "" {
			user, err := os.UserHomeDir()
			if err != nil {
				return "", err
			}
			cache = filepath.Join(user, ".cache")
		}
		home = filepath.Join(cache, "huggingface")
	}
	return filepath.Join(home, "hub"), nil
}

// openHub finds a model in the cache. Its files are links from a snapshot to blobs, so the root is the
// folder that holds both.
func openHub(name string) (folder, error) {
	repo, revision, _ := strings.Cut(name, "@")
	if revision == "" {
		revision = "main"
	}
	fail := func(detail string, err error) (folder, error) {
		return folder{}, &OpenError{Path: name, Detail: detail, Err: err}
	}
	if !IsHubName(name) || !fs.ValidPath(revision) {
		return fail("is no name of a model", fs.ErrInvalid)
	}
	cache, err := hubCache()
	if err != nil {
		return fail("no cache folder", err)
	}
	root, err := os.OpenRoot(filepath.Join(cache, "models--"+strings.ReplaceAll(repo, "/", "--")))
	if err != nil {
		return fail(fmt.Sprintf("neither a folder nor a model of the cache %s: get it with `hf download %s`", cache, repo), err)
	}
	commit, err := hubCommit(root, revision)
	if err == nil {
		dir := path.Join("snapshots", commit)
		var st fs.FileInfo
		if st, err = root.Stat(dir); err == nil && st.IsDir() {
			return folder{root: root, dir: dir, name: path.Base(repo)}, nil
		}
	}
	_ = root.Close() // only read from
	return fail(fmt.Sprintf("the cache has no revision %q: get it with `hf download %s --revision %s`", revision, repo, revision), err)
}

var commitHash = regexp.MustCompile(`^[0-9a-f]{7,64}$`)

// hubCommit is the commit that a revision stands for: a branch or tag, or itself.
func hubCommit(root *os.Root, revision string) (string, error) {
	f, err := root.Open(path.Join("refs", revision))
	if err != nil {
		if commitHash.MatchString(revision) {
			return revision, nil
		}
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 128))
	if err != nil {
		return "", err
	}
	commit := strings.TrimSpace(string(b))
	if !commitHash.MatchString(commit) {
		return "", fmt.Errorf("refs/%s holds %.40q, want a commit", revision, commit)
	}
	return commit, nil
}
