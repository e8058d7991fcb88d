package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Text returns the text of tokens without the special ones: words in lower case, parted by blanks, as they were not
// always. Bytes that are not UTF-8 come as U+FFFD, and numbers that are no token's are left out, as transformers'
// decode(skip_special_tokens=True) has it.
func (c *CLIP) Text(tokens []int32) string {
	var b []byte
	for _, t := range tokens {
		s, ok := c.tokens[t]
		if !ok || c.special[t] {
			continue
		}
		b = appendBytes(b, s)
	}
	return strings.TrimFunc(strings.ReplaceAll(validUTF8(string(b)), endOfWord, " "), pythonSpace)
}

// appendBytes appends what a token stands for: its own bytes if it is not spelled in symbols.
func appendBytes(b []byte, token string) []byte {
	n := len(b)
	for _, r := range token {
		x, ok := symbolBytes[r]
		if !ok {
			return append(b[:n], token...)
		}
		b = append(b, x)
	}
	return b
}

// pythonSpace is what Python's str.strip removes: white space, and the four information separators.
func pythonSpace(r rune) bool { return isSpace(r) || r >= 0x1c && r <= 0x1f }

// validUTF8 replaces what is not UTF-8, one U+FFFD for each maximal part of a character, as Python, Rust and the
// Encoding Standard do (The Unicode Standard, section 3.9, "U+FFFD Substitution of Maximal Subparts").
func validUTF8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for s != "" {
		r, n := utf8.DecodeRuneInString(s)
		if r == utf8.RuneError && n == 1 {
			n = maximalSubpart(s)
		}
		b.WriteRune(r)
		s = s[n:]
	}
	return b.String()
}

// maximalSubpart is how many bytes at the start of s begin a character that does not end, at least 1.
func maximalSubpart(s string) int {
	var low, high byte = 0x80, 0xbf // of the second byte
	length := 0
	switch c := s[0]; {
	case c >= 0xc2 && c <= 0xdf:
		length = 2
	case c >= 0xe0 && c <= 0xef:
		length = 3
		if c == 0xe0 {
			low = 0xa0
		} else if c == 0xed {
			high = 0x9f
		}
	case c >= 0xf0 && c <= 0xf4:
		length = 4
		if c == 0xf0 {
			low = 0x90
		} else if c == 0xf4 {
			high = 0x8f
		}
	}
	n := 1
	for n < length && n < len(s) && s[n] >= low && s[n] <= high {
		n++
		low, high = 0x80, 0xbf
	}
	return n
}
