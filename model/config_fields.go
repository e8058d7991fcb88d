package model

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// fields reads the keys of one JSON object with checks. The first failure is kept in
// err, and later reads return zero values.
type fields struct {
	file string
	m    map[string]json.RawMessage
	used map[string]bool
	err  error
}

// parseFields reads an object. A key that comes twice, and anything after the object,
// are errors: two readers might disagree on what such a file means.
func parseFields(file string, data []byte) *fields {
	f := &fields{file: file, m: map[string]json.RawMessage{}, used: map[string]bool{}}
	if len(data) > maxConfigBytes {
		f.err = &ConfigError{File: file, Detail: fmt.Sprintf("is larger than %d bytes", maxConfigBytes)}
		return f
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	if tok, err := dec.Token(); err != nil || tok != json.Delim('{') {
		f.err = &ConfigError{File: file, Detail: "not a JSON object", Err: err}
		return f
	}
	for dec.More() {
		tok, err := dec.Token()
		key, ok := tok.(string)
		if err != nil || !ok {
			f.err = &ConfigError{File: file, Detail: "not valid JSON", Err: err}
			return f
		}
		var v json.RawMessage
		if err := dec.Decode(&v); err != nil {
			f.err = &ConfigError{File: file, Key: key, Detail: "not valid JSON", Err: err}
			return f
		}
		if _, twice := f.m[key]; twice {
			f.err = &ConfigError{File: file, Key: key, Detail: "is there twice"}
			return f
		}
		f.m[key] = v
	}
	if _, err := dec.Token(); err != nil {
		f.err = &ConfigError{File: file, Detail: "not valid JSON", Err: err}
	} else if dec.More() {
		f.err = &ConfigError{File: file, Detail: "something follows the object"}
	}
	return f
}

func (f *fields) fail(key, format string, args ...any) {
	if f.err == nil {
		f.err = &ConfigError{File: f.file, Key: key, Detail: fmt.Sprintf(format, args...)}
	}
}

// raw returns the text of a key; ok is false when it is not there or null.
func (f *fields) raw(key string) (v json.RawMessage, ok bool) {
	f.used[key] = true
	v, ok = f.m[key]
	return v, ok && f.err == nil && string(v) != "null"
}

// isNull says that the key is there and null, which is not the same as not there.
func (f *fields) isNull(key string) bool {
	v, ok := f.m[key]
	return ok && string(v) == "null"
}

// noNull refuses null for a key that must have a value when it is there.
func (f *fields) noNull(key string) {
	if f.isNull(key) {
		f.fail(key, "is null")
	}
}

// decode reads v into dst and reports a wrong type.
func (f *fields) decode(key string, v json.RawMessage, dst any, wanted string) bool {
	if err := json.Unmarshal(v, dst); err != nil {
		f.fail(key, "is %s, wanted %s", clip(string(v)), wanted)
		return false
	}
	return true
}

// clip shortens text from a file for a message.
func clip(s string) string {
	if len(s) > 80 {
		return s[:80] + "..."
	}
	return s
}

// integer reads a whole number within lo..hi; 2.0 counts as 2.
func (f *fields) integer(key string, v json.RawMessage, lo, hi int) int {
	var x float64
	if !f.decode(key, v, &x, "a whole number") {
		return 0
	}
	if x != math.Trunc(x) || x < float64(lo) || x > float64(hi) {
		f.fail(key, "is %s, wanted a whole number within %d..%d", clip(string(v)), lo, hi)
		return 0
	}
	return int(x)
}

// int reads a whole number with a default.
func (f *fields) int(key string, def, lo, hi int) int {
	f.noNull(key)
	v, ok := f.raw(key)
	if !ok {
		return def
	}
	return f.integer(key, v, lo, hi)
}

// optInt reads a whole number of at least 1, or 0 for null; def is used without the key.
func (f *fields) optInt(key string, def, hi int) int {
	v, ok := f.raw(key)
	if !ok {
		if f.isNull(key) {
			return 0
		}
		return def
	}
	return f.integer(key, v, 1, hi)
}

// float reads a number within lo..hi.
func (f *fields) float(key string, def, lo, hi float64) float64 {
	f.noNull(key)
	v, ok := f.raw(key)
	if !ok {
		return def
	}
	var x float64
	if f.decode(key, v, &x, "a number") && !(x >= lo && x <= hi) {
		f.fail(key, "is %s, wanted a number within %g..%g", clip(string(v)), lo, hi)
	}
	return x
}

func (f *fields) bool(key string, def bool) bool {
	f.noNull(key)
	v, ok := f.raw(key)
	if ok {
		f.decode(key, v, &def, "true or false")
	}
	return def
}

// choice reads one of the allowed words, without regard to null ("" then).
func (f *fields) choice(key, def string, allowed ...string) string {
	v, ok := f.raw(key)
	if !ok {
		if f.isNull(key) {
			return ""
		}
		return def
	}
	var s string
	if !f.decode(key, v, &s, "a string") {
		return def
	}
	f.oneOf(key, s, allowed)
	return s
}

func (f *fields) oneOf(key, s string, allowed []string) {
	if f.err == nil && !slices.Contains(allowed, s) {
		f.err = &ConfigError{File: f.file, Key: key, Supported: allowed,
			Detail: fmt.Sprintf("%q is not supported", clip(s))}
	}
}

// list reads an array of at least one and at most maxLen elements with read.
func (f *fields) list(key string, maxLen int, read func(v json.RawMessage)) {
	f.listOf(key, 1, maxLen, read)
}

// listOf is list with at least minLen elements.
func (f *fields) listOf(key string, minLen, maxLen int, read func(v json.RawMessage)) {
	f.noNull(key)
	v, ok := f.raw(key)
	if !ok {
		return
	}
	var items []json.RawMessage
	if !f.decode(key, v, &items, "a list") {
		return
	}
	if len(items) < minLen || len(items) > maxLen {
		f.fail(key, "has %d elements, wanted %d..%d", len(items), minLen, maxLen)
		return
	}
	for _, it := range items {
		read(it)
	}
}

// outChannels reads out_channels, which is that of the input where it is null, or not given and def is 0.
func (f *fields) outChannels(def, in int) int {
	return cmp.Or(f.optInt("out_channels", def, maxWidth), in)
}

// gelu reads which of both forms of GELU an activation is, by default that with a tanh.
func (f *fields) gelu(key string) Activation {
	f.noNull(key)
	if f.choice(key, GELUTanh.String(), GELUTanh.String(), GELU.String()) == GELU.String() {
		return GELU
	}
	return GELUTanh
}

// patches checks the sizes of a transformer over patches.
func (f *fields) patches(heads, headDim, side, patch, out int) {
	switch width := heads * headDim; {
	case width > maxWidth || width%4 != 0:
		f.fail("num_attention_heads", "%d heads of attention_head_dim %d are %d features, wanted "+
			"a multiple of 4, at most %d", heads, headDim, width, maxWidth)
	case side%patch != 0:
		f.fail("sample_size", "is %d, wanted a multiple of patch_size %d", side, patch)
	case out > maxChannels/(patch*patch):
		f.fail("out_channels", "is %d in patches of %dx%d: too large", out, patch, patch)
	}
}

// rest refuses keys that nobody read, unless they start with "_".
func (f *fields) rest() {
	for _, key := range slices.Sorted(maps.Keys(f.m)) {
		if !f.used[key] && !strings.HasPrefix(key, "_") && f.err == nil {
			f.err = &ConfigError{File: f.file, Key: clip(key), Detail: "is not a known option",
				Supported: slices.Sorted(maps.Keys(f.used))}
		}
	}
}
