package tokenizer

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// nfc is Unicode's canonical composition (UAX #15), as of Unicode 9, which is what tokenizers 0.23 has.
//
// norm.NFC.String is not used on more than a character: it puts a character of its own into more than 30 combining
// marks ("stream-safe" text), and takes a character beyond U+FFFF for the one with its lower 16 bits when it composes.
func nfc(text string) string {
	var out strings.Builder
	out.Grow(len(text))
	for text != "" {
		n, several := segment(text)
		if several {
			compose(&out, text[:n])
		} else {
			out.WriteString(norm.NFC.String(text[:n]))
		}
		text = text[n:]
	}
	return out.String()
}

// segment is the length of a first character and of what may combine with it, if there are several.
func segment(text string) (n int, several bool) {
	for n < len(text) {
		size := 1
		if text[n] >= utf8.RuneSelf {
			p := norm.NFC.PropertiesString(text[n:])
			if n > 0 && p.BoundaryBefore() {
				break
			}
			size = max(p.Size(), 1)
		} else if n > 0 {
			break
		}
		several = n > 0
		n += size
	}
	return n, several
}

// mark is a decomposed character with its canonical combining class, 0 for a starter.
type mark struct {
	r     rune
	class uint8
}

// compose writes a segment: decomposed, its marks in order of class, and joined again.
func compose(out *strings.Builder, text string) {
	var s []mark
	for _, r := range text {
		for _, r := range norm.NFD.String(string(r)) {
			s = append(s, mark{r, combiningClass(r)})
		}
	}
	for i := 0; i < len(s); {
		j := i
		for j < len(s) && s[j].class != 0 {
			j++
		}
		slices.SortStableFunc(s[i:j], func(a, b mark) int { return int(a.class) - int(b.class) })
		i = max(j, i+1)
	}
	done := s[:0]
	starter := -1 // where the last one is,
	last := -1    // and the class of the last behind it, -1 for none
	for _, m := range s {
		if starter >= 0 && last < int(m.class) {
			if r, ok := composed(done[starter].r, m.r); ok {
				done[starter].r = r
				continue
			}
		}
		last = int(m.class)
		if m.class == 0 {
			starter, last = len(done), -1
		}
		done = append(done, m)
	}
	for _, m := range done {
		out.WriteRune(m.r)
	}
}

func combiningClass(r rune) uint8 {
	if r < 0x300 || unicode.Is(newMarks, r) {
		return 0
	}
	return norm.NFD.PropertiesString(string(r)).CCC()
}

// composed is the character that two are in NFC.
func composed(a, b rune) (rune, bool) {
	if b < 0x300 {
		return 0, false
	}
	two := string(a) + string(b)
	s := norm.NFC.String(two)
	r, n := utf8.DecodeRuneInString(s)
	if n != len(s) || r == 0x11938 { // the one composition since Unicode 9
		return 0, false
	}
	return r, norm.NFD.String(s) == norm.NFD.String(two)
}

// newMarks have a combining class in Unicode 15, and were not there in Unicode 9.
var newMarks = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x7fd, 0x7fd, 1}, {0x898, 0x89f, 1}, {0x8ca, 0x8d3, 1}, {0x9fe, 0x9fe, 1}, {0xc3c, 0xc3c, 1}, {0xd3b, 0xd3c, 1},
		{0xeba, 0xeba, 1}, {0x1715, 0x1715, 1}, {0x1abf, 0x1ace, 1}, {0x1df6, 0x1dfa, 1}, {0xa82c, 0xa82c, 1},
	},
	R32: []unicode.Range32{
		{0x10d24, 0x10d27, 1}, {0x10eab, 0x10eac, 1}, {0x10efd, 0x10eff, 1}, {0x10f46, 0x10f50, 1}, {0x10f82, 0x10f85, 1},
		{0x11070, 0x11070, 1}, {0x1133b, 0x1133b, 1}, {0x1145e, 0x1145e, 1}, {0x11839, 0x1183a, 1}, {0x1193d, 0x1193e, 1},
		{0x11943, 0x11943, 1}, {0x119e0, 0x119e0, 1}, {0x11a34, 0x11a34, 1}, {0x11a47, 0x11a47, 1}, {0x11a99, 0x11a99, 1},
		{0x11d42, 0x11d42, 1}, {0x11d44, 0x11d45, 1}, {0x11d97, 0x11d97, 1}, {0x11f41, 0x11f42, 1}, {0x16ff0, 0x16ff1, 1},
		{0x1e08f, 0x1e08f, 1}, {0x1e130, 0x1e136, 1}, {0x1e2ae, 0x1e2ae, 1}, {0x1e2ec, 0x1e2ef, 1}, {0x1e4ec, 0x1e4ef, 1},
	},
}
