package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// prepend says which texts Metaspace puts its mark before.
type prepend int

const (
	prependAlways prepend = iota
	prependFirst          // the one that the text begins with
	prependNever
)

// splitter is tokenizers' pre-tokenizers WhitespaceSplit, if there is one, and Metaspace.
type splitter struct {
	whitespace bool
	mark       string // what stands for a blank, "▁"
	prepend    prepend
	each       bool // a word begins at every mark; else a text is one word
}

// words calls f at every word of a text; first says that nothing is before the text.
func (s *splitter) words(text string, first bool, f func(string)) {
	if !s.whitespace {
		s.marked(text, first, f)
		return
	}
	for part := range strings.FieldsFuncSeq(text, isSpace) {
		s.marked(part, false, f) // prependFirst does not come with whitespace
	}
}

// marked is Metaspace.
func (s *splitter) marked(text string, first bool, f func(string)) {
	text = strings.ReplaceAll(text, " ", s.mark)
	if text == "" {
		return
	}
	before := s.prepend == prependAlways || s.prepend == prependFirst && first
	if before && !strings.HasPrefix(text, s.mark) {
		text = s.mark + text
	}
	if !s.each {
		f(text)
		return
	}
	for text != "" {
		_, size := utf8.DecodeRuneInString(text)
		end := strings.Index(text[size:], s.mark)
		if end < 0 {
			f(text)
			return
		}
		f(text[:size+end])
		text = text[size+end:]
	}
}

func trimLeft(text string) string { return strings.TrimLeftFunc(text, isSpace) }

func trimRight(text string) string { return strings.TrimRightFunc(text, isSpace) }
