package tokenizer

import (
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
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

// nfc is Unicode's canonical composition (UAX #15). norm.NFC.String is not used on whole texts: it keeps them
// "stream-safe", that is, it puts a character of its own into more than 30 combining marks, which other libraries do
// not.
func nfc(text string) string {
	var out strings.Builder
	out.Grow(len(text))
	for text != "" {
		// A segment is a character that combines with nothing before it, and what follows it.
		n := segment(text)
		if n < 30 { // bytes, so fewer marks than the limit
			out.WriteString(norm.NFC.String(text[:n]))
		} else {
			compose(&out, text[:n])
		}
		text = text[n:]
	}
	return out.String()
}

// segment is the length of the first segment.
func segment(text string) int {
	n := 0
	for n < len(text) {
		if text[n] < utf8.RuneSelf {
			if n > 0 {
				return n
			}
			n++
			continue
		}
		p := norm.NFC.PropertiesString(text[n:])
		if n > 0 && p.BoundaryBefore() {
			return n
		}
		n += max(p.Size(), 1)
	}
	return n
}

// mark is a decomposed character with its canonical combining class.
type mark struct {
	r     rune
	class uint8
}

// compose writes one long segment: decomposed, its marks in order of class, and joined again.
func compose(out *strings.Builder, text string) {
	var s []mark
	for _, r := range text {
		d := string(r)
		if p := norm.NFD.PropertiesString(d); p.Decomposition() != nil {
			d = string(p.Decomposition())
		} else if r >= 0xac00 && r <= 0xd7a3 { // Hangul syllables decompose by rule
			d = norm.NFD.String(d)
		}
		for _, r := range d {
			s = append(s, mark{r, norm.NFD.PropertiesString(string(r)).CCC()})
		}
	}
	for i := 0; i < len(s); { // starters stay where they are
		j := i
		for j < len(s) && s[j].class != 0 {
			j++
		}
		slices.SortStableFunc(s[i:j], func(a, b mark) int { return int(a.class) - int(b.class) })
		i = max(j, i+1)
	}
	done := s[:0]
	starter, last := -1, 0 // where the last starter is, and the class of what follows it, -1 for nothing
	for _, m := range s {
		if starter >= 0 && (last < int(m.class) || last == -1) {
			if r, ok := composed(done[starter].r, m.r); ok {
				done[starter].r = r
				continue
			}
		}
		if m.class == 0 {
			starter, last = len(done), -1
		} else {
			last = int(m.class)
		}
		done = append(done, m)
	}
	for _, m := range done {
		out.WriteRune(m.r)
	}
}

// composed is the character that two are in NFC.
func composed(a, b rune) (rune, bool) {
	s := norm.NFC.String(string(a) + string(b))
	r, n := utf8.DecodeRuneInString(s)
	return r, n == len(s)
}
