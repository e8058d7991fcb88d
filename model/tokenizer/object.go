package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
)

// Limits of the files.
const (
	maxFile   = 16 << 20 // bytes; CLIP's tokenizer.json has 4 million
	maxTokens = 1 << 20
	maxMerges = 1 << 20
	maxLength = 1 << 12 // of a padded text
	maxAdded  = 256     // bytes of an added token
	maxExtra  = 1 << 13 // added tokens
	maxKeys   = 1 << 10 // of an object other than a vocabulary
)

// read reads a file of at most maxFile bytes.
func read(fsys fs.FS, name string) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, &FileError{File: name, Found: "cannot be opened", Err: err}
	}
	defer f.Close()
	tooLarge := func(found string) error {
		return &FileError{File: name, Wanted: fmt.Sprintf("at most %d bytes", maxFile), Found: found}
	}
	if info, err := f.Stat(); err == nil && info.Size() > maxFile {
		return nil, tooLarge(fmt.Sprint(info.Size()))
	}
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, &FileError{File: name, Found: "cannot be read", Err: err}
	}
	if len(b) > maxFile {
		return nil, tooLarge("more")
	}
	return b, nil
}

// object is a JSON object, of a file or within one.
type object struct {
	file, path string
	m          map[string]json.RawMessage
}

func (o *object) fail(key, wanted, found string, err error) error {
	if o.path != "" {
		key = o.path + "." + key
	}
	return &FileError{File: o.file, Key: key, Wanted: wanted, Found: found, Err: err}
}

// parse reads an object of at most maxKeys keys.
func parse(file, path string, data []byte) (*object, error) {
	o := &object{file: file, path: path, m: map[string]json.RawMessage{}}
	err := pairs(file, path, data, func(key string, dec *json.Decoder) error {
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			return o.fail(key, "", "not JSON", err)
		}
		if _, twice := o.m[key]; twice {
			return o.fail(key, "one", "two", nil)
		}
		if len(o.m) >= maxKeys {
			return &FileError{File: file, Key: path, Wanted: fmt.Sprintf("at most %d keys", maxKeys), Found: "more"}
		}
		o.m[key] = v
		return nil
	})
	return o, err
}

// pairs calls f at every value of an object. Anything after the object is an error.
func pairs(file, path string, data []byte, f func(key string, dec *json.Decoder) error) error {
	fail := func(found string, err error) error {
		return &FileError{File: file, Key: path, Wanted: "a JSON object", Found: found, Err: err}
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		if err == nil {
			return fail(show(data), nil)
		}
		return fail("none", err)
	}
	for dec.More() {
		tok, err := dec.Token()
		key, ok := tok.(string)
		if err != nil || !ok {
			return fail("not JSON", err)
		}
		if err := f(key, dec); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return fail("no end of it", err)
	}
	if dec.More() {
		return fail("more behind it", nil)
	}
	return nil
}

// get decodes the value of a key, if it is there and not null.
func (o *object) get(key, wanted string, to any) (bool, error) {
	v, ok := o.m[key]
	if !ok || string(v) == "null" {
		return false, nil
	}
	if err := json.Unmarshal(v, to); err != nil {
		return false, o.fail(key, wanted, show(v), nil)
	}
	return true, nil
}

// object returns the object of a key, nil if it is not there or null.
func (o *object) object(key string) (*object, error) {
	v, ok := o.m[key]
	if !ok || string(v) == "null" {
		return nil, nil
	}
	if o.path != "" {
		key = o.path + "." + key
	}
	return parse(o.file, key, v)
}
