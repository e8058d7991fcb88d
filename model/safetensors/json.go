package safetensors

import (
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads the small part of JSON (RFC 8259) that headers and indexes are made of.
// The standard decoder is not strict enough for files of unknown origin: it takes
// duplicate keys, replaces broken UTF-8 and lone surrogates, and ignores the case of
// field names, so that two readers can see two different models in one file.
//
// The input must be valid UTF-8; the caller checks it once.
type scanner struct {
	b []byte
	i int
}

// space skips white space.
func (s *scanner) space() {
	for s.i < len(s.b) {
		switch s.b[s.i] {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return
		}
	}
}

// peek is the next byte that is not white space, 0 at the end.
func (s *scanner) peek() byte {
	s.space()
	if s.i == len(s.b) {
		return 0
	}
	return s.b[s.i]
}

// wanted is the error for an unexpected byte at the current place.
func (s *scanner) wanted(what string) error {
	if s.i >= len(s.b) {
		return malformed("JSON byte %d: wanted %s, found the end", s.i, what)
	}
	r, _ := utf8.DecodeRune(s.b[s.i:])
	return malformed("JSON byte %d: wanted %s, found %q", s.i, what, r)
}

// expect takes one byte.
func (s *scanner) expect(c byte) error {
	if s.peek() != c {
		return s.wanted("'" + string(rune(c)) + "'")
	}
	s.i++
	return nil
}

// object reads {"key": value, ...}, calling value for each key to read what follows.
// Duplicate keys and more than limit keys are refused.
func (s *scanner) object(limit int, value func(key string) error) error {
	if err := s.expect('{'); err != nil {
		return err
	}
	if s.peek() == '}' {
		s.i++
		return nil
	}
	seen := map[string]struct{}{}
	for {
		s.space()
		at := s.i
		key, err := s.str()
		if err != nil {
			return err
		}
		if _, dup := seen[key]; dup {
			return malformed("JSON byte %d: duplicate key %s", at, quote(key))
		}
		if len(seen) == limit {
			return malformed("JSON byte %d: more than %d keys in one object", at, limit)
		}
		seen[key] = struct{}{}
		if err := s.expect(':'); err != nil {
			return err
		}
		if err := value(key); err != nil {
			return err
		}
		if s.peek() == '}' {
			s.i++
			return nil
		}
		if s.peek() != ',' {
			return s.wanted("',' or '}'")
		}
		s.i++
	}
}

// uints reads [n, ...], at most limit numbers, each at most maxValue.
func (s *scanner) uints(limit int, maxValue uint64) ([]uint64, error) {
	if err := s.expect('['); err != nil {
		return nil, err
	}
	var out []uint64
	if s.peek() == ']' {
		s.i++
		return out, nil
	}
	for {
		if len(out) == limit {
			return nil, malformed("JSON byte %d: more than %d numbers in the list", s.i, limit)
		}
		n, err := s.uint(maxValue)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
		if s.peek() == ']' {
			s.i++
			return out, nil
		}
		if s.peek() != ',' {
			return nil, s.wanted("',' or ']'")
		}
		s.i++
	}
}

// uint reads a whole number without sign, fraction, exponent or leading zero: no
// value passes through a float.
func (s *scanner) uint(maxValue uint64) (uint64, error) {
	const what = "an unsigned integer in plain digits"
	s.space()
	at := s.i
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' {
		s.i++
	}
	digits := s.b[at:s.i]
	if len(digits) == 0 {
		return 0, s.wanted(what)
	}
	if s.i < len(s.b) && (s.b[s.i] == '.' || s.b[s.i]|0x20 == 'e') {
		return 0, s.wanted(what)
	}
	if len(digits) > 1 && digits[0] == '0' {
		return 0, malformed("JSON byte %d: wanted %s, found a leading zero", at, what)
	}
	if len(digits) > 20 { // longer than any uint64; do not copy megabytes
		return 0, malformed("JSON byte %d: the number exceeds %d", at, maxValue)
	}
	n, err := strconv.ParseUint(string(digits), 10, 64)
	if err != nil || n > maxValue {
		return 0, malformed("JSON byte %d: %s exceeds %d", at, digits, maxValue)
	}
	return n, nil
}

// str reads a string.
func (s *scanner) str() (string, error) {
	if s.peek() != '"' {
		return "", s.wanted("a string")
	}
	s.i++
	start := s.i
	var out []byte // only used once an escape is met
	for s.i < len(s.b) {
		switch c := s.b[s.i]; {
		case c == '"':
			end := s.i
			s.i++
			return string(append(out, s.b[start:end]...)), nil
		case c == '\\':
			out = append(out, s.b[start:s.i]...)
			r, err := s.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
			start = s.i
		case c < 0x20:
			return "", s.wanted("an escaped control character")
		default:
			s.i++
		}
	}
	return "", s.wanted("the closing '\"' of a string")
}

// escape reads what a backslash introduces.
func (s *scanner) escape() (rune, error) {
	s.i++
	if s.i == len(s.b) {
		return 0, s.wanted("an escaped character")
	}
	c := s.b[s.i]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return s.unicode()
	default:
		return 0, s.wanted(`one of "\/bfnrtu after a backslash`)
	}
	s.i++
	return rune(c), nil
}

// unicode reads uXXXX, or uXXXX\uXXXX for a surrogate pair. Half a pair is refused: it
// has no UTF-8 form.
func (s *scanner) unicode() (rune, error) {
	at := s.i
	r, err := s.hex4()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if s.i+1 < len(s.b) && s.b[s.i] == '\\' && s.b[s.i+1] == 'u' {
		s.i++
		low, err := s.hex4()
		if err != nil {
			return 0, err
		}
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, nil
		}
	}
	return 0, malformed("JSON byte %d: wanted a surrogate pair, found half of one", at)
}

// hex4 reads uXXXX.
func (s *scanner) hex4() (rune, error) {
	s.i++
	var r rune
	for range 4 {
		if s.i == len(s.b) {
			return 0, s.wanted("a hexadecimal digit")
		}
		c := s.b[s.i]
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, s.wanted("a hexadecimal digit")
		}
		r = r<<4 | rune(c)
		s.i++
	}
	return r, nil
}
