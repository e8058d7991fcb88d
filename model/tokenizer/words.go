package tokenizer

import (
	"iter"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalize brings a text to NFC, runs of white space to one blank each, and letters to
// lower case, character by character.
func normalize(text string) string {
	text = norm.NFC.String(strings.ToValidUTF8(text, "\ufffd"))
	var b strings.Builder
	b.Grow(len(text))
	blank := false
	for _, r := range text {
		if unicode.IsSpace(r) {
			if !blank {
				b.WriteByte(' ')
			}
			blank = true
			continue
		}
		blank = false
		if r == 'İ' { // the one letter whose lower case is two characters
			b.WriteString("i̇")
			continue
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// contractions are pieces of their own, tried in this order.
var contractions = []string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}

// words cuts a normalized text: contractions, runs of letters, single digits, and runs
// of what is neither letter, digit nor white space.
func words(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for text != "" {
			n := firstWord(text)
			if n == 0 { // white space
				_, n = utf8.DecodeRuneInString(text)
			} else if !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

// firstWord is the length of the piece that a text starts with, 0 for white space.
func firstWord(text string) int {
	for _, c := range contractions {
		if strings.HasPrefix(text, c) {
			return len(c)
		}
	}
	first, size := utf8.DecodeRuneInString(text)
	switch {
	case unicode.IsSpace(first):
		return 0
	case unicode.Is(unicode.N, first):
		return size
	}
	letters := unicode.Is(unicode.L, first)
	for i, r := range text {
		if unicode.Is(unicode.L, r) != letters || unicode.IsSpace(r) || unicode.Is(unicode.N, r) {
			return i
		}
	}
	return len(text)
}
