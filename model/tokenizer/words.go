package tokenizer

import (
	"iter"
	"strings"
	"unicode/utf8"
)

// contractions are pieces of their own, tried in this order.
var contractions = []string{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"}

// markers are the special tokens that CLIP's expression names. Where a piece starts with one that is no special token
// (because it was not spelled in lower case), its three parts are pieces.
var markers = []string{"<|startoftext|>", "<|endoftext|>"}

// words cuts a normalized text into what this expression matches, from left to right:
//
//	<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+
//
// by hand: every character is looked at once.
func words(text string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for text != "" {
			if m := marker(text); m != "" {
				if !yield(m[:2]) || !yield(m[2:len(m)-2]) || !yield(m[len(m)-2:]) {
					return
				}
				text = text[len(m):]
				continue
			}
			n, piece := firstWord(text)
			if piece && !yield(text[:n]) {
				return
			}
			text = text[n:]
		}
	}
}

// marker is the marker that a text starts with, or "".
func marker(text string) string {
	if text[0] == '<' {
		for _, m := range markers {
			if strings.HasPrefix(text, m) {
				return m
			}
		}
	}
	return ""
}

// firstWord is the length of the piece that a text starts with; piece is false for white space.
func firstWord(text string) (n int, piece bool) {
	if text[0] == '\'' {
		for _, c := range contractions {
			if strings.HasPrefix(text, c) {
				return len(c), true
			}
		}
	}
	first, size := utf8.DecodeRuneInString(text)
	switch class(first) {
	case space:
		return size, false
	case number:
		return size, true
	case letter:
		return run(text, letter), true
	}
	return run(text, other), true
}

// run is the length of the characters of one class that a text starts with.
func run(text string, of kind) int {
	for i, r := range text {
		if class(r) != of {
			return i
		}
	}
	return len(text)
}
