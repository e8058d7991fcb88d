package safetensors

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits on an index; a shard costs an open file.
const (
	maxIndexed = 1 << 20 // tensors of all shards
	maxShards  = 1000
	maxNesting = 16 // of the values in "metadata", which are checked but not used
	maxIgnored = 1 << 16
)

// openIndex opens the shards of an index.
func openIndex(fsys fs.FS, name string) (*Set, error) {
	text, err := readIndex(fsys, name)
	if err != nil {
		return nil, inFile(err, name)
	}
	weightMap, shards, err := parseIndex(text)
	if err != nil {
		return nil, inFile(err, name)
	}
	var files []*File
	closeAll := func() {
		for _, f := range files {
			f.Close() //nolint:errcheck // the first failure is the one that counts
		}
	}
	for _, shard := range shards {
		f, err := OpenFS(fsys, path.Join(path.Dir(name), shard))
		if err != nil {
			closeAll()
			var e *Error
			if errors.As(err, &e) {
				e.Detail += ", as a shard of " + name
			}
			return nil, err
		}
		files = append(files, f)
	}
	s, err := SetOf(files...)
	if err == nil {
		err = s.checkIndex(name, weightMap)
	}
	if err != nil {
		closeAll()
		return nil, err
	}
	s.name = name
	return s, nil
}

// checkIndex compares an index with the set of its shards.
func (s *Set) checkIndex(index string, weightMap map[string]string) error {
	for i, t := range s.tensors {
		have := path.Base(s.owner[i].name)
		shard, ok := weightMap[t.Name]
		switch {
		case !ok:
			return &Error{File: index, Tensor: t.Name, Err: ErrFormat,
				Detail: "is in " + have + ", but not in the weight_map"}
		case shard != have:
			return &Error{File: index, Tensor: t.Name, Err: ErrFormat,
				Detail: fmt.Sprintf("weight_map says %s, but it is in %s", quote(shard), have)}
		}
	}
	if len(weightMap) == len(s.tensors) {
		return nil
	}
	lost := []string{}
	for name := range weightMap {
		if _, ok := find(s.tensors, name); !ok {
			lost = append(lost, name)
		}
	}
	first := slices.Min(lost) // the same one every time
	return &Error{File: index, Tensor: first, Err: ErrMissing,
		Detail: "is not in " + weightMap[first] + ", as the weight_map says"}
}

// readIndex reads an index of at most maxHeader bytes.
func readIndex(fsys fs.FS, name string) (text []byte, err error) {
	f, err := openRegular(fsys, name)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // only read from
	text, err = io.ReadAll(io.LimitReader(f, maxHeader+1))
	switch {
	case err != nil:
		return nil, &Error{Detail: "cannot be read", Err: err}
	case len(text) > maxHeader:
		return nil, malformed("the index is longer than the allowed %d bytes", maxHeader)
	}
	return text, nil
}

// parseIndex reads an index and lists the distinct shards, sorted.
func parseIndex(text []byte) (weightMap map[string]string, shards []string, err error) {
	if !utf8.Valid(text) {
		return nil, nil, malformed("the index is not valid UTF-8")
	}
	distinct := map[string]bool{}
	s := &scanner{b: text}
	err = s.object(3, func(key string) error { // a third key is unknown, and named
		switch key {
		case "metadata":
			if s.peek() != '{' {
				return s.wanted("an object")
			}
			return s.skip(maxNesting)
		case "weight_map":
			weightMap = map[string]string{}
			return s.object(maxIndexed, func(tensor string) error {
				shard, err := s.str()
				if err == nil {
					err = checkShard(shard)
				}
				if err != nil {
					return inTensor(err, tensor)
				}
				weightMap[tensor] = shard
				distinct[shard] = true
				if len(distinct) > maxShards {
					return malformed("more than %d shards", maxShards)
				}
				return nil
			})
		}
		return malformed("unknown field %s, wanted metadata and weight_map", quote(key))
	})
	switch {
	case err != nil:
		return nil, nil, err
	case s.peek() != 0 || s.i != len(s.b):
		return nil, nil, s.wanted("nothing after the index")
	case len(weightMap) == 0:
		return nil, nil, malformed("weight_map is missing or empty")
	}
	for shard := range distinct {
		shards = append(shards, shard)
	}
	slices.Sort(shards)
	return weightMap, shards, nil
}

// checkShard lets only names through that mean a file in the same folder on every
// operating system.
func checkShard(name string) error {
	const ext = ".safetensors"
	bad := func(r rune) bool {
		return unicode.IsControl(r) || strings.ContainsRune(`/\:*?"<>|`, r)
	}
	switch {
	case !strings.HasSuffix(name, ext) || name == ext:
		return malformed("shard %s: wanted a name that ends in %s", quote(name), ext)
	case len(name) > 255:
		return malformed("shard %s: wanted at most 255 bytes", quote(name))
	case strings.ContainsFunc(name, bad) || strings.Contains(name, "..") || name[0] == '.':
		return malformed("shard %s: wanted a plain file name in the folder of the index", quote(name))
	}
	return nil
}

// skip checks and drops one JSON value.
func (s *scanner) skip(depth int) error {
	if depth == 0 {
		return malformed("JSON byte %d: nested too deeply", s.i)
	}
	switch c := s.peek(); {
	case c == '{':
		return s.object(maxIgnored, func(string) error { return s.skip(depth - 1) })
	case c == '[':
		return s.skipList(depth)
	case c == '"':
		_, err := s.str()
		return err
	case c == '-' || c >= '0' && c <= '9':
		return s.skipNumber()
	}
	for _, word := range []string{"true", "false", "null"} {
		if bytes.HasPrefix(s.b[s.i:], []byte(word)) {
			s.i += len(word)
			return nil
		}
	}
	return s.wanted("a JSON value")
}

func (s *scanner) skipList(depth int) error {
	s.i++
	if s.peek() == ']' {
		s.i++
		return nil
	}
	for {
		if err := s.skip(depth - 1); err != nil {
			return err
		}
		switch s.peek() {
		case ']':
			s.i++
			return nil
		case ',':
			s.i++
		default:
			return s.wanted("',' or ']'")
		}
	}
}

// skipNumber takes -?int(.digits)?([eE][+-]?digits)?, as RFC 8259 has it.
func (s *scanner) skipNumber() error {
	at := func(set string) bool {
		return s.i < len(s.b) && strings.IndexByte(set, s.b[s.i]) >= 0
	}
	digits := func() error {
		if !at("0123456789") {
			return s.wanted("a digit")
		}
		for at("0123456789") {
			s.i++
		}
		return nil
	}
	if at("-") {
		s.i++
	}
	if at("0") {
		s.i++ // a leading zero stands alone
	} else if err := digits(); err != nil {
		return err
	}
	if at(".") {
		s.i++
		if err := digits(); err != nil {
			return err
		}
	}
	if at("eE") {
		s.i++
		if at("+-") {
			s.i++
		}
		return digits()
	}
	return nil
}
