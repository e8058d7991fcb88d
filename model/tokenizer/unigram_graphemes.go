package tokenizer

import (
	"sort"
	"unicode/utf8"
)

const joiner = '\u200d'

// within says that a character is in a table of first and last characters, in order.
func within(table []rune, r rune) bool {
	i := sort.Search(len(table)/2, func(i int) bool { return table[2*i+1] >= r })
	return 2*i < len(table) && table[2*i] <= r
}

// Hangul's syllables, for rules GB6 to GB8.
const (
	notHangul = iota
	hangulL
	hangulV
	hangulT
	hangulLV
	hangulLVT
)

func hangul(r rune) int {
	switch {
	case r >= 0x1100 && r <= 0x115f, r >= 0xa960 && r <= 0xa97c:
		return hangulL
	case r >= 0x1160 && r <= 0x11a7, r >= 0xd7b0 && r <= 0xd7c6:
		return hangulV
	case r >= 0x11a8 && r <= 0x11ff, r >= 0xd7cb && r <= 0xd7fb:
		return hangulT
	case r >= 0xac00 && r <= 0xd7a3 && (r-0xac00)%28 == 0:
		return hangulLV
	case r >= 0xac00 && r <= 0xd7a3:
		return hangulLVT
	}
	return notHangul
}

func hangulJoins(a, b int) bool {
	switch a {
	case hangulL:
		return b == hangulL || b == hangulV || b == hangulLV || b == hangulLVT
	case hangulV, hangulLV:
		return b == hangulV || b == hangulT
	case hangulT, hangulLVT:
		return b == hangulT
	}
	return false
}

// breaker is what the rules of UAX #29, section 3.1.1, look back at.
type breaker struct {
	last      rune
	picture   bool // a pictograph, and Extend since
	joined    bool // a joiner after that
	consonant bool // Indic conjuncts: a consonant, and Extend since
	linker    bool // a linker among that
	flags     int  // regional indicators
}

// joins says that a character belongs to the cluster, and remembers it.
func (b *breaker) joins(r rune, first bool) bool {
	mark := within(graphemeJoins, r)
	flag := r >= 0x1f1e6 && r <= 0x1f1ff
	picture := within(graphemePicture, r)
	consonant := within(graphemeConsonant, r)
	ok := first || b.last == '\r' && r == '\n'
	if !ok && !within(graphemeControl, b.last) && !within(graphemeControl, r) {
		ok = mark || within(graphemePrepend, b.last) || hangulJoins(hangul(b.last), hangul(r)) ||
			consonant && b.linker || picture && b.joined || flag && b.flags%2 == 1
	}
	if !ok {
		return false
	}
	extend := mark && !within(graphemeSpacing, r)
	b.joined = b.picture && r == joiner
	b.picture = picture || b.picture && extend && r != joiner
	b.consonant = consonant || b.consonant && (extend || r == joiner) && r != '\u200c'
	b.linker = b.consonant && !consonant && (b.linker || within(graphemeLinker, r))
	if b.flags++; !flag {
		b.flags = 0
	}
	b.last = r
	return true
}

// cluster is the length in bytes of the extended grapheme cluster that a text begins with.
func cluster(text string) int {
	if len(text) > 1 && text[0] < utf8.RuneSelf && text[1] < utf8.RuneSelf && text[0] != '\r' {
		return 1
	}
	var b breaker
	for i, r := range text {
		if !b.joins(r, i == 0) {
			return i
		}
	}
	return len(text)
}
