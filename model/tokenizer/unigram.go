package tokenizer

// Unigram is the tokenizer of T5's text encoders, SentencePiece's unigram model (Kudo, "Subword Regularization", 2018,
// arXiv:1804.10959) as tokenizers' tokenizer.json has it: a text is normalized, cut into words that begin with "▁", and
// of all ways to cut a word into pieces of the vocabulary the one with the greatest sum of scores is taken. It is safe
// for concurrent use.
type Unigram struct {
	pieces       pieces
	names        []string // by number, the vocabulary's first
	byteFallback bool

	normalizers []normalizer
	split       splitter

	raw        matcher // added tokens, looked for in the text as it is,
	normalized matcher // and in the normalized text
	strips     map[int32]strips

	before, after []int32 // around a text
	pad           int32
}

// strips says what white space beside an added token goes with it.
type strips struct{ left, right bool }

// Pad is the token that fills a text up, "<pad>".
func (u *Unigram) Pad() int32 { return u.pad }

// ID returns the number of a token as the vocabulary spells it, such as "▁cat" or "</s>".
func (u *Unigram) ID(token string) (id int32, ok bool) {
	id, ok = u.pieces.ids[token]
	return id, ok
}

// Token returns the spelling of a token, "" if there is none of this number.
func (u *Unigram) Token(id int32) string {
	if id < 0 || int(id) >= len(u.names) {
		return ""
	}
	return u.names[id]
}

// Encode returns length tokens of a text: as many of the text's as fit, those that the file puts around it, such as
// "</s>", and padding. n counts the tokens that are no padding: what an attention mask lets through. A length that
// those around a text do not fit in gives the first of them.
func (u *Unigram) Encode(text string, length int) (ids []int32, n int) {
	length = max(length, 0)
	tokens := u.Tokens(text)
	room := max(0, length-len(u.before)-len(u.after))
	ids = append(ids, u.before...)
	ids = append(ids, tokens[:min(len(tokens), room)]...)
	ids = append(ids, u.after...)
	ids = ids[:min(len(ids), length)]
	n = len(ids)
	for len(ids) < length {
		ids = append(ids, u.pad)
	}
	return ids, n
}

// Tokens returns the tokens of a text, without those around it. Added tokens are recognised where the text spells them.
// Invalid UTF-8 is read as U+FFFD, as Python's decoder reads it with errors="replace".
func (u *Unigram) Tokens(text string) []int32 {
	var out []int32
	first := true // nothing is before
	u.cut(&u.raw, validUTF8(text), func(part string) {
		for _, n := range u.normalizers {
			part = n.normalize(part)
		}
		u.cut(&u.normalized, part, func(part string) {
			u.split.words(part, first, func(word string) { out = u.pieces.tokens(out, word, u.byteFallback) })
			first = false
		}, func(id int32) { out, first = append(out, id), false })
		first = false
	}, func(id int32) { out, first = append(out, id), false })
	return out
}

// cut calls token at every added token of a text and rest at what is between them.
func (u *Unigram) cut(m *matcher, text string, rest func(string), token func(int32)) {
	for text != "" {
		at, size, id := m.next(text)
		part, behind := text[:at], text[at+size:]
		if size > 0 && u.strips[id].left {
			part = trimRight(part)
		}
		if part != "" {
			rest(part)
		}
		if size > 0 {
			token(id)
			if u.strips[id].right {
				behind = trimLeft(behind)
			}
		}
		text = behind
	}
}
