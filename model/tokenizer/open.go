package tokenizer

import (
	"errors"
	"io/fs"
	"path"
)

// Open reads the tokenizer of a folder: tokenizer.json if it is there, else vocab.json and merges.txt, with the special
// and added tokens and the length of tokenizer_config.json, special_tokens_map.json and added_tokens.json where they
// are. Files are read in the order of precedence that transformers 5 gives them. Errors are [*FileError].
func Open(fsys fs.FS, dir string) (*CLIP, error) {
	c := &CLIP{
		ids: map[string]int32{}, tokens: map[int32]string{}, merges: map[uint64]merge{}, special: map[int32]bool{},
	}
	vocab := path.Join(dir, "tokenizer.json")
	whole, err := parseFile(fsys, vocab)
	if err != nil {
		return nil, err
	}
	if whole != nil {
		err = c.model(whole)
	} else {
		vocab = path.Join(dir, "vocab.json")
		err = c.split(fsys, vocab, path.Join(dir, "merges.txt"))
	}
	if err != nil {
		return nil, err
	}
	s, err := readSettings(fsys, dir, whole)
	if err != nil {
		return nil, err
	}
	if err := c.apply(s, vocab); err != nil {
		return nil, err
	}
	if whole != nil {
		if err := c.checkProcessor(whole); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// split reads vocab.json and merges.txt.
func (c *CLIP) split(fsys fs.FS, vocab, merges string) error {
	b, err := read(fsys, vocab)
	if err != nil {
		return err
	}
	if err := c.vocabulary(vocab, "", b); err != nil {
		return err
	}
	return c.mergesFile(fsys, merges)
}

// parseFile reads the object of a file, nil if there is no such file.
func parseFile(fsys fs.FS, name string) (*object, error) {
	b, err := read(fsys, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parse(name, "", b)
}
