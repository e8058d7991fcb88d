package tokenizer

import (
	"slices"
	"strings"
)

// CLIP is a tokenizer of CLIP's text encoders. It is safe for concurrent use.
type CLIP struct {
	ids    map[string]int32 // by token
	tokens map[int32]string
	ranks  map[pair]int32 // of merges
	bytes  [256]string    // the printable character that stands for a byte

	start, end, pad, unknown int32
	length                   int // of a padded text
}

// pair is two neighbouring symbols of a word.
type pair struct{ left, right string }

// endOfWord marks the last symbol of a word.
const endOfWord = "</w>"

// Length is the number of tokens of a padded text, 77 for all published models.
func (c *CLIP) Length() int { return c.length }

// Start, End and Pad are the tokens around a text and behind it.
func (c *CLIP) Start() int32 { return c.start }

// End is the token after a text.
func (c *CLIP) End() int32 { return c.end }

// Pad is the token that fills a text up.
func (c *CLIP) Pad() int32 { return c.pad }

// Encode returns the Length tokens of a text: the start, as many of the text's as fit,
// the end, and padding.
func (c *CLIP) Encode(text string) []int32 {
	return c.Frame(c.Tokens(text))
}

// Frame puts tokens between start and end and fills up. Those beyond Length-2 are cut.
func (c *CLIP) Frame(tokens []int32) []int32 {
	out := make([]int32, 0, c.length)
	out = append(out, c.start)
	out = append(out, tokens[:min(len(tokens), c.length-2)]...)
	out = append(out, c.end)
	for len(out) < c.length {
		out = append(out, c.pad)
	}
	return out
}

// Tokens returns the tokens of a text, without start and end. The special tokens are
// recognised where the text spells them.
func (c *CLIP) Tokens(text string) []int32 {
	var out []int32
	for text != "" {
		at, special := c.nextSpecial(text)
		out = c.plain(out, text[:at])
		text = text[at:]
		if special != "" {
			out = append(out, c.ids[special])
			text = text[len(special):]
		}
	}
	return out
}

// nextSpecial finds the first special token in a text, or its end.
func (c *CLIP) nextSpecial(text string) (at int, token string) {
	at = len(text)
	for _, id := range []int32{c.start, c.end} {
		s := c.tokens[id]
		if i := strings.Index(text, s); i >= 0 && i < at {
			at, token = i, s
		}
	}
	return at, token
}

func (c *CLIP) plain(out []int32, text string) []int32 {
	for word := range words(normalize(text)) {
		out = c.word(out, word)
	}
	return out
}

// word appends the tokens of one piece.
func (c *CLIP) word(out []int32, word string) []int32 {
	symbols := make([]string, len(word))
	for i := range len(word) {
		symbols[i] = c.bytes[word[i]]
	}
	symbols[len(symbols)-1] += endOfWord
	for _, s := range c.merge(symbols) {
		id, ok := c.ids[s]
		if !ok {
			id = c.unknown
		}
		out = append(out, id)
	}
	return out
}

// Text returns the text of tokens, without start, end and padding. Words are parted by
// blanks, as they were not always.
func (c *CLIP) Text(tokens []int32) string {
	back := map[rune]byte{}
	for b, s := range c.bytes {
		back[[]rune(s)[0]] = byte(b)
	}
	var b strings.Builder
	special := []int32{c.start, c.end, c.pad}
	for _, t := range tokens {
		if slices.Contains(special, t) {
			continue
		}
		s, end := strings.CutSuffix(c.tokens[t], endOfWord)
		for _, r := range s {
			b.WriteByte(back[r])
		}
		if end {
			b.WriteByte(' ')
		}
	}
	return strings.ToValidUTF8(strings.TrimSuffix(b.String(), " "), "\ufffd")
}
