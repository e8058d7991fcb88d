package singlefile

import (
	"errors"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// vocabularies are the files of a tokenizer that hold its vocabulary.
var vocabularies = map[string]bool{"tokenizer.json": true, "vocab.json": true, "merges.txt": true}

// findTokens looks for the vocabularies of n text encoders.
func (d *Folder) findTokens(n int) error {
	for i := range n {
		dir := tokenizerDir(i)
		if _, ok := d.tokenFile(path.Join(dir, "tokenizer.json")); ok {
			continue
		}
		if _, ok := d.tokenFile(path.Join(dir, "vocab.json")); ok {
			continue
		}
		return &Error{File: d.file.Name(), Err: ErrTokenizer, Detail: "such files hold no tokenizer, and none was found: want " +
			"vocab.json and merges.txt (or tokenizer.json) of CLIP in a folder tokenizer/ beside the file, or the folder " +
			"that has them, or a diffusers folder, given with --tokenizer DIR (Options.Tokenizer)"}
	}
	return nil
}

func tokenizerDir(i int) string {
	if i == 0 {
		return "tokenizer"
	}
	return "tokenizer_" + strconv.Itoa(i+1)
}

// tokenFile finds a file of a tokenizer: in the folder of that name, in that of the first tokenizer, or at the
// top of the tokenizers' folder. The vocabularies of both text encoders of XL are the same.
func (d *Folder) tokenFile(name string) (from string, ok bool) {
	dir, base := path.Split(name)
	if d.tokens == nil || !vocabularies[base] || !strings.HasPrefix(dir, "tokenizer") {
		return "", false
	}
	for _, at := range []string{path.Clean(dir), "tokenizer", "."} {
		if !d.hasVocabulary(at) {
			continue
		}
		from := path.Join(at, base)
		_, err := fs.Stat(d.tokens, from)
		return from, !errors.Is(err, fs.ErrNotExist)
	}
	return "", false
}

// hasVocabulary tells whether a folder holds a tokenizer.
func (d *Folder) hasVocabulary(dir string) bool {
	for _, name := range []string{"tokenizer.json", "vocab.json"} {
		if _, err := fs.Stat(d.tokens, path.Join(dir, name)); err == nil {
			return true
		}
	}
	return false
}
