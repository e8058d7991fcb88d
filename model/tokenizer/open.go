package tokenizer

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
)

// Limits of the files.
const (
	maxFile   = 64 << 20
	maxTokens = 1 << 20
	maxLength = 1 << 12
)

// Open reads the tokenizer of a folder: vocab.json and merges.txt, with the special
// tokens and the length of tokenizer_config.json and special_tokens_map.json where they
// are. Errors are [*FileError].
func Open(fsys fs.FS, dir string) (*CLIP, error) {
	c := &CLIP{ids: map[string]int32{}, tokens: map[int32]string{}, ranks: map[pair]int32{}, bytes: byteSymbols()}
	if err := c.vocabulary(fsys, path.Join(dir, "vocab.json")); err != nil {
		return nil, err
	}
	if err := c.merges(fsys, path.Join(dir, "merges.txt")); err != nil {
		return nil, err
	}
	return c, c.special(fsys, dir)
}

func read(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, &FileError{File: name, Detail: "cannot be opened", Err: err}
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, &FileError{File: name, Detail: "cannot be read", Err: err}
	}
	if len(b) > maxFile {
		return nil, &FileError{File: name, Detail: fmt.Sprintf("has more than %d bytes", maxFile)}
	}
	return b, nil
}

func (c *CLIP) vocabulary(fsys fs.FS, name string) error {
	b, err := read(fsys, name)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, &c.ids); err != nil {
		return &FileError{File: name, Detail: "want an object of tokens and their numbers", Err: err}
	}
	if len(c.ids) == 0 || len(c.ids) > maxTokens {
		return &FileError{File: name, Detail: fmt.Sprintf("has %d tokens, want 1..%d", len(c.ids), maxTokens)}
	}
	for token, id := range c.ids {
		if id < 0 || id >= maxTokens {
			return &FileError{File: name, Detail: fmt.Sprintf("token %.40q has the number %d, want 0..%d", token, id, maxTokens-1)}
		}
		if other, ok := c.tokens[id]; ok {
			return &FileError{File: name, Detail: fmt.Sprintf("tokens %.40q and %.40q both have the number %d", token, other, id)}
		}
		c.tokens[id] = token
	}
	return nil
}

// merges reads the pairs in order of rank. The first line may name the version.
func (c *CLIP) merges(fsys fs.FS, name string) error {
	b, err := read(fsys, name)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	lines.Buffer(nil, 1<<16)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimRight(lines.Text(), "\r")
		if line == "" || strings.HasPrefix(line, "#version") {
			continue
		}
		left, right, ok := strings.Cut(line, " ")
		if !ok || left == "" || right == "" || strings.Contains(right, " ") {
			return &FileError{File: name, Detail: fmt.Sprintf("line %d is %.40q, want two symbols", n, line)}
		}
		p := pair{left, right}
		if _, twice := c.ranks[p]; !twice { // the first rank holds
			c.ranks[p] = int32(len(c.ranks))
		}
		if len(c.ranks) > maxTokens {
			return &FileError{File: name, Detail: fmt.Sprintf("has more than %d merges", maxTokens)}
		}
	}
	if err := lines.Err(); err != nil {
		return &FileError{File: name, Detail: "cannot be read", Err: err}
	}
	return nil
}

// text is a token in a config: a string, or an object with its content.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*t = text(s)
		return nil
	}
	var o struct{ Content string }
	if err := json.Unmarshal(b, &o); err != nil {
		return err
	}
	*t = text(o.Content)
	return nil
}

// config is what the two config files may say.
type config struct {
	Start   *text        `json:"bos_token"`
	End     *text        `json:"eos_token"`
	Pad     *text        `json:"pad_token"`
	Unknown *text        `json:"unk_token"`
	Length  *json.Number `json:"model_max_length"` // some files have 1e30 for none
}

// special sets the special tokens: CLIP's own unless the files name others.
func (c *CLIP) special(fsys fs.FS, dir string) error {
	start, end := text("<|startoftext|>"), text("<|endoftext|>")
	pad, unknown := end, end
	c.length = 77
	for _, name := range []string{"special_tokens_map.json", "tokenizer_config.json"} {
		name = path.Join(dir, name)
		b, err := read(fsys, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		var f config
		if err := json.Unmarshal(b, &f); err != nil {
			return &FileError{File: name, Detail: "want an object with the special tokens", Err: err}
		}
		for _, t := range []struct {
			from *text
			to   *text
		}{{f.Start, &start}, {f.End, &end}, {f.Pad, &pad}, {f.Unknown, &unknown}} {
			if t.from != nil && *t.from != "" {
				*t.to = *t.from
			}
		}
		if f.Length != nil {
			if n, err := f.Length.Int64(); err == nil && n < 1<<30 {
				if n < 3 || n > maxLength {
					return &FileError{File: name, Detail: fmt.Sprintf("model_max_length is %d, want 3..%d", n, maxLength)}
				}
				c.length = int(n)
			}
		}
	}
	for _, t := range []struct {
		token text
		id    *int32
	}{{start, &c.start}, {end, &c.end}, {pad, &c.pad}, {unknown, &c.unknown}} {
		id, ok := c.ids[string(t.token)]
		if !ok {
			return &FileError{File: path.Join(dir, "vocab.json"), Detail: fmt.Sprintf("has no token %.40q", string(t.token))}
		}
		*t.id = id
	}
	return nil
}

// byteSymbols are the printable characters that stand for bytes: those that are
// printable themselves, and others from U+0100 on in order (GPT-2's bytes_to_unicode).
func byteSymbols() (s [256]string) {
	next := rune(0x100)
	for b := range 256 {
		r := rune(b)
		if b < '!' || b > '~' && b < 0xa1 || b == 0xad {
			r = next
			next++
		}
		s[b] = string(r)
	}
	return s
}
