package tokenizer

// CLIP is a tokenizer of CLIP's text encoders. It is safe for concurrent use.
type CLIP struct {
	ids    map[string]int32 // by token, as the file spells it
	tokens map[int32]string
	merges map[uint64]merge
	first  [256]int32 // the symbol of a byte, -1 if the vocabulary has none
	last   [256]int32 // of the last byte of a word

	raw        matcher // added tokens, looked for in the text as it is,
	normalized matcher // and in the normalized text
	special    map[int32]bool

	start, end, pad, unknown int32
	length                   int // of a padded text

	cache cache
}

// Length is the number of tokens of a padded text, 77 for all published models.
func (c *CLIP) Length() int { return c.length }

// Start is the token before a text.
func (c *CLIP) Start() int32 { return c.start }

// End is the token after a text.
func (c *CLIP) End() int32 { return c.end }

// Pad is the token that fills a text up: CLIP's own end of text, or "!", which is token 0, in Stable Diffusion 2 and in
// the second tokenizer of Stable Diffusion XL.
func (c *CLIP) Pad() int32 { return c.pad }

// ID returns the number of a token as the vocabulary spells it, such as "cat</w>" or "<|endoftext|>".
func (c *CLIP) ID(token string) (id int32, ok bool) {
	id, ok = c.ids[token]
	return id, ok
}

// Token returns the spelling of a token, "" if there is none of this number.
func (c *CLIP) Token(id int32) string { return c.tokens[id] }

// Encode returns the Length tokens of a text: the start, as many of the text's as fit, the end, and padding.
func (c *CLIP) Encode(text string) []int32 { return c.Frame(c.Tokens(text)) }

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

// Count returns the number of tokens of a text, without start and end. Those beyond Length-2 do not fit one padded
// text.
func (c *CLIP) Count(text string) int { return len(c.Tokens(text)) }

// Tokens returns the tokens of a text, without start and end. Special and other added tokens are recognised where the
// text spells them. Invalid UTF-8 is read as U+FFFD, as Python's decoder reads it with errors="replace".
func (c *CLIP) Tokens(text string) []int32 {
	var out []int32
	text = validUTF8(text)
	for text != "" {
		at, size, id := c.raw.next(text)
		part := normalize(text[:at])
		for part != "" {
			at, size, id := c.normalized.next(part)
			for word := range words(part[:at]) {
				out = c.word(out, word)
			}
			if size > 0 {
				out = append(out, id)
			}
			part = part[at+size:]
		}
		if size > 0 {
			out = append(out, id)
		}
		text = text[at+size:]
	}
	return out
}

// word appends the tokens of one piece.
func (c *CLIP) word(out []int32, word string) []int32 {
	if t, ok := c.cache.get(word); ok {
		return append(out, t...)
	}
	symbols := make([]int32, len(word))
	for i := range len(word) {
		symbols[i] = c.first[word[i]]
	}
	symbols[len(word)-1] = c.last[word[len(word)-1]]
	symbols = c.mergeAll(symbols)
	for i, s := range symbols {
		if s < 0 {
			symbols[i] = c.unknown
		}
	}
	c.cache.put(word, symbols)
	return append(out, symbols...)
}
