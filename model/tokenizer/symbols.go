package tokenizer

import "unicode/utf8"

// endOfWord marks the last symbol of a word.
const endOfWord = "</w>"

// byteSymbols are the printable characters that stand for bytes: those that are printable themselves, and others
// from U+0100 on in order (GPT-2's bytes_to_unicode).
var byteSymbols = func() (s [256]string) {
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
}()

// symbolBytes is the way back.
var symbolBytes = func() map[rune]byte {
	m := make(map[rune]byte, 256)
	for b, s := range byteSymbols {
		r, _ := utf8.DecodeRuneInString(s)
		m[r] = byte(b)
	}
	return m
}()
