package tokenizer

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
)

// vocabulary reads an object of tokens and their numbers. data may be of a file or within one, at path.
func (c *CLIP) vocabulary(file, path string, data []byte) error {
	fail := func(key, wanted, found string) error {
		return &FileError{File: file, Key: strings.TrimPrefix(path+"."+key, "."), Wanted: wanted, Found: found}
	}
	wanted := fmt.Sprintf("a number of 0..%d", maxTokens-1)
	err := pairs(file, path, data, func(token string, dec *json.Decoder) error {
		tok, err := dec.Token()
		if err != nil {
			return &FileError{File: file, Key: path, Found: "not JSON", Err: err}
		}
		x, ok := tok.(float64)
		if !ok {
			return fail(quote(token), wanted, fmt.Sprintf("%.40v", tok))
		}
		if x < 0 || x >= maxTokens || x != float64(int32(x)) {
			return fail(quote(token), wanted, fmt.Sprint(x))
		}
		id := int32(x)
		if _, twice := c.ids[token]; twice {
			return fail(quote(token), "one", "two")
		}
		if other, twice := c.tokens[id]; twice {
			return fail(quote(token), "a number of its own", fmt.Sprintf("%d, which is %s's", id, quote(other)))
		}
		c.ids[token], c.tokens[id] = id, token
		return nil
	})
	if err != nil {
		return err
	}
	if len(c.ids) == 0 {
		return &FileError{File: file, Key: path, Wanted: "tokens", Found: "none"}
	}
	for b, s := range byteSymbols {
		c.first[b], c.last[b] = c.symbol(s), c.symbol(s+endOfWord)
	}
	return nil
}

// symbol is the number of a token, -1 if the vocabulary does not have it.
func (c *CLIP) symbol(token string) int32 {
	if id, ok := c.ids[token]; ok {
		return id
	}
	return -1
}

// merge adds the next pair in order of rank. Its parts and what they make are tokens.
func (c *CLIP) merge(file, key, left, right string) error {
	fail := func(wanted, found string) error {
		return &FileError{File: file, Key: key, Wanted: wanted, Found: found}
	}
	var ids [3]int32
	for i, s := range []string{left, right, left + right} {
		id, ok := c.ids[s]
		if !ok {
			return fail("tokens of the vocabulary", quote(s))
		}
		ids[i] = id
	}
	if len(c.merges) >= maxMerges {
		return fail(fmt.Sprintf("at most %d merges", maxMerges), "more")
	}
	k := pair(ids[0], ids[1])
	if _, twice := c.merges[k]; twice { // the first rank for some readers, the last for others
		return fail("one merge of "+quote(left+" "+right), "two")
	}
	c.merges[k] = merge{int32(len(c.merges)), ids[2]}
	return nil
}

// mergesFile reads merges.txt: a pair a line. The first line may name the version.
func (c *CLIP) mergesFile(fsys fs.FS, name string) error {
	b, err := read(fsys, name)
	if err != nil {
		return err
	}
	n := 0
	for line := range strings.Lines(string(b)) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if line == "" || strings.HasPrefix(line, "#version") {
			continue
		}
		key := fmt.Sprintf("line %d", n)
		left, right, ok := cutMerge(line)
		if !ok {
			return &FileError{File: name, Key: key, Wanted: "two symbols", Found: quote(line)}
		}
		if err := c.merge(name, key, left, right); err != nil {
			return err
		}
	}
	return nil
}

func cutMerge(s string) (left, right string, ok bool) {
	left, right, ok = strings.Cut(s, " ")
	return left, right, ok && left != "" && right != "" && !strings.Contains(right, " ")
}
