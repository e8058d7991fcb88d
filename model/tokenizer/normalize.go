package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// normalize brings a text to NFC, runs of white space to one blank each, and letters to lower case, character by
// character: a final sigma becomes what any sigma becomes.
func normalize(text string) string {
	if !ascii(text) {
		text = nfc(text)
	}
	var b strings.Builder
	b.Grow(len(text))
	blank := false
	for _, r := range text {
		if isSpace(r) {
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
		b.WriteRune(toLower(r))
	}
	return b.String()
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
