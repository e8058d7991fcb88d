package prompt

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// breakWord is the word that begins a new chunk.
const breakWord = "BREAK"

// words adds the text up to end, which has no brackets, split at breakWord where it is a word of its own. The
// white space around it is dropped.
func (p *parser) words(end int) {
	text := p.text[:end]
	from := p.at
	for search := from; ; {
		i := strings.Index(text[search:], breakWord)
		if i < 0 {
			break
		}
		i += search
		search = i + len(breakWord)
		if before, _ := utf8.DecodeLastRuneInString(text[p.at:i]); i > p.at && wordRune(before) {
			continue
		}
		if after, _ := utf8.DecodeRuneInString(text[search:]); search < end && wordRune(after) {
			continue
		}
		p.add(Piece{Text: trimRight(text[from:i])})
		p.add(Piece{Break: true})
		from = end - len(strings.TrimLeftFunc(text[search:], space))
		search = from
	}
	p.add(Piece{Text: text[from:]})
	p.at = end
}

func trimRight(s string) string { return strings.TrimRightFunc(s, space) }

// wordRune and space are \w and \s of Python's regular expressions.
func wordRune(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) }

func space(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }
