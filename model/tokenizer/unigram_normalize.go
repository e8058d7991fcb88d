package tokenizer

import "strings"

// normalizer is a step of the normalization.
type normalizer interface{ normalize(text string) string }

// strip is tokenizers' Strip.
type strip struct{ left, right bool }

func (s strip) normalize(text string) string {
	if s.left {
		text = trimLeft(text)
	}
	if s.right {
		text = trimRight(text)
	}
	return text
}

// replace is tokenizers' Replace of a string.
type replace struct{ old, new string }

func (r replace) normalize(text string) string { return strings.ReplaceAll(text, r.old, r.new) }

// blanks is tokenizers' Replace of the expression " {2,}", which transformers' converter of SentencePiece models puts
// into its files.
type blanks struct{ new string }

const blanksExpression = " {2,}"

func (r blanks) normalize(text string) string {
	if !strings.Contains(text, "  ") {
		return text
	}
	var b strings.Builder
	for text != "" {
		at := strings.Index(text, "  ")
		if at < 0 {
			break
		}
		b.WriteString(text[:at])
		b.WriteString(r.new)
		text = strings.TrimLeft(text[at:], " ")
	}
	b.WriteString(text)
	return b.String()
}

// shortCluster is the length in bytes below which a grapheme cluster is looked up as a whole.
const shortCluster = 6

// normalize is tokenizers' Precompiled: a cluster of less than six bytes that begins with a key of the map is replaced
// as a whole, whatever follows the key; of other clusters, each character that begins with a key is.
func (c *charsmap) normalize(text string) string {
	var b strings.Builder
	b.Grow(len(text))
	for text != "" {
		n := cluster(text)
		part := text[:n]
		text = text[n:]
		if n < shortCluster {
			if to, ok := c.lookup(part); ok {
				b.WriteString(to)
				continue
			}
		}
		for _, r := range part {
			if to, ok := c.lookup(string(r)); ok {
				b.WriteString(to)
			} else {
				b.WriteRune(r)
			}
		}
	}
	return b.String()
}
