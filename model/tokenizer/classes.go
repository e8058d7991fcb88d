package tokenizer

import "unicode"

// kind is what CLIP's expression tells apart.
type kind uint8

const (
	other kind = iota
	space
	letter
	number
)

// class is the kind of a character: \s, \p{L}, \p{N} or none of them.
func class(r rune) kind {
	switch {
	case r < 0x80:
		return asciiClass[r]
	case isSpace(r):
		return space
	case unicode.Is(unicode.L, r), unicode.Is(newLetters, r):
		return letter
	case unicode.Is(unicode.N, r), unicode.Is(newNumbers, r):
		return number
	}
	return other
}

var asciiClass = func() (c [0x80]kind) {
	for r := range rune(0x80) {
		switch {
		case isSpace(r):
			c[r] = space
		case unicode.IsLetter(r):
			c[r] = letter
		case unicode.IsDigit(r):
			c[r] = number
		}
	}
	return c
}()

// isSpace is \s: Unicode's White_Space.
func isSpace(r rune) bool { return unicode.IsSpace(r) }

// toLower is Unicode's simple lower case.
func toLower(r rune) rune {
	if l := unicode.ToLower(r); l != r || r < 0x1c89 {
		return l
	}
	for _, x := range newCapitals {
		if r >= x.from && r <= x.to {
			return r + x.by
		}
	}
	return r
}

// What Unicode 15.1 to 17 added to the 15.0 of Go 1.26, as far as tokenizers 0.23 knows it: Unicode 16 in its
// expressions, 17 in its lower case. These tables, and Go's, were held against it on every character; see the test.
var (
	newLetters = &unicode.RangeTable{
		R16: []unicode.Range16{{0x1c89, 0x1c8a, 1}, {0xa7cb, 0xa7cd, 1}, {0xa7da, 0xa7dc, 1}},
		R32: []unicode.Range32{
			{0x105c0, 0x105f3, 1}, {0x10d4a, 0x10d65, 1}, {0x10d6f, 0x10d85, 1}, {0x10ec2, 0x10ec4, 1},
			{0x11380, 0x11389, 1}, {0x1138b, 0x1138b, 1}, {0x1138e, 0x1138e, 1}, {0x11390, 0x113b5, 1},
			{0x113b7, 0x113b7, 1}, {0x113d1, 0x113d1, 1}, {0x113d3, 0x113d3, 1}, {0x11bc0, 0x11be0, 1},
			{0x13460, 0x143fa, 1}, {0x16100, 0x1611d, 1}, {0x16d40, 0x16d6c, 1}, {0x18cff, 0x18cff, 1},
			{0x1e5d0, 0x1e5ed, 1}, {0x1e5f0, 0x1e5f0, 1}, {0x2ebf0, 0x2ee5d, 1},
		},
	}
	newNumbers = &unicode.RangeTable{R32: []unicode.Range32{
		{0x10d40, 0x10d49, 1}, {0x116d0, 0x116e3, 1}, {0x11bf0, 0x11bf9, 1}, {0x16130, 0x16139, 1},
		{0x16d70, 0x16d79, 1}, {0x1ccf0, 0x1ccf9, 1}, {0x1e5f1, 0x1e5fa, 1},
	}}
	newCapitals = []struct{ from, to, by rune }{
		{0x1c89, 0x1c89, 1}, {0xa7cb, 0xa7cb, 0x264 - 0xa7cb}, {0xa7cc, 0xa7cc, 1}, {0xa7ce, 0xa7ce, 1},
		{0xa7d2, 0xa7d2, 1}, {0xa7d4, 0xa7d4, 1}, {0xa7da, 0xa7da, 1}, {0xa7dc, 0xa7dc, 0x19b - 0xa7dc},
		{0x10d50, 0x10d65, 32}, {0x16ea0, 0x16eb8, 27},
	}
)
