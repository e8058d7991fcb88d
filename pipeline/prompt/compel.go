package prompt

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plus and minus are what every sign multiplies by in compel's notation.
const (
	plus  = 1.1
	minus = 0.9
)

// ParseCompel reads a prompt in the notation of compel, which diffusers recommends:
//
//	word+ word--          weight 1.1 for every plus, 0.9 for every minus
//	(some words)+         the same of several words
//	(some words)1.3       weight 1.3
//	\( \) \+ \- \\        the character itself
//
// Brackets within brackets multiply. Brackets without a weight are left out, those without a partner are text, and so are
// signs that do not end a word: "well-known" and "a - b". compel's .and(), .blend() and .swap() are not read. There is at
// least one piece; Break is never set. Errors are those of [Parse].
//
// compel 2.5 itself keeps the backslash of \+ and \-, and ends a word in "a--b" but not in "a+b"; here neither ends one.
func ParseCompel(text string) ([]Piece, error) {
	p := parser{text: text}
	word := -1 // the first piece of the word that is read, -1 for none
	for p.at < len(text) {
		switch c := text[p.at]; {
		case c == '\\' && p.at+1 < len(text) && strings.IndexByte(`()+-\`, text[p.at+1]) >= 0:
			p.add(Piece{Text: text[p.at+1 : p.at+2]})
			p.at += 2
			word = -1
		case c == '(':
			if len(p.round) == MaxDepth {
				return nil, errorAt(p.at, "more than %d open brackets", MaxDepth)
			}
			p.round = append(p.round, len(p.pieces))
			p.add(Piece{Text: "("}) // until it is closed
			p.at++
			word = -1
		case c == ')' && len(p.round) > 0:
			last := len(p.round) - 1
			from := p.round[last]
			p.round = p.round[:last]
			p.pieces[from].Text = ""
			p.at++
			by, n, err := p.groupWeight()
			if err != nil {
				return nil, err
			}
			p.multiply(from+1, by)
			p.at += n
			word = -1
		case c == '+' || c == '-':
			n := signs(text[p.at:])
			after, _ := utf8.DecodeRuneInString(text[p.at+n:])
			switch {
			case word < 0: // begins a word, or stands alone
				p.add(Piece{Text: text[p.at : p.at+n]})
			case p.at+n < len(text) && inWord(after): // within one
				p.add(Piece{Text: text[p.at : p.at+n]})
			default:
				p.multiply(word, power(c, n))
				word = -1
			}
			p.at += n
		default:
			r, _ := utf8.DecodeRuneInString(text[p.at:])
			in := inWord(r)
			if !in {
				word = -1
			} else if word < 0 {
				word = len(p.pieces)
			}
			_, n := utf8.DecodeRuneInString(text[p.at:])
			for p.at+n < len(text) {
				r, size := utf8.DecodeRuneInString(text[p.at+n:])
				if strings.ContainsRune(`\()+-`, r) || inWord(r) != in {
					break
				}
				n += size
			}
			p.add(Piece{Text: text[p.at : p.at+n]})
			p.at += n
		}
	}
	return p.finish()
}

// finish checks the weights and joins the pieces.
func (p *parser) finish() ([]Piece, error) {
	for i, piece := range p.pieces {
		if piece.Text != "" && !(math.Abs(piece.Weight) <= MaxWeight) {
			return nil, errorAt(p.offsets[i], "weight %.4g of %.20q, want at most %g", piece.Weight, piece.Text, MaxWeight)
		}
	}
	// A bracket that is left out does not part what is around it.
	kept := p.pieces[:0]
	for _, x := range p.pieces {
		if x.Text != "" {
			kept = append(kept, x)
		}
	}
	return merge(kept), nil
}

// groupWeight is the weight behind a bracket, and its length in bytes.
func (p *parser) groupWeight() (by float64, n int, err error) {
	s := p.text[p.at:]
	if s == "" {
		return 1, 0, nil
	}
	if s[0] == '+' || s[0] == '-' {
		n = signs(s)
		return power(s[0], n), n, nil
	}
	point := false
	for n < len(s) && (s[n] >= '0' && s[n] <= '9' || s[n] == '.' && !point && n+1 < len(s) && s[n+1] >= '0' && s[n+1] <= '9') {
		point = point || s[n] == '.'
		n++
	}
	if n == 0 {
		return 1, 0, nil
	}
	if by, err = strconv.ParseFloat(s[:n], 64); err != nil {
		return 0, 0, errorAt(p.at, "weight %.20q is not a number", s[:n])
	}
	return by, n, nil
}

// signs is how often the first character comes.
func signs(s string) int {
	n := 1
	for n < len(s) && s[n] == s[0] {
		n++
	}
	return n
}

// power is the weight of n signs. It is above MaxWeight, or next to nothing, long before a thousand.
func power(sign byte, n int) float64 {
	by, y := plus, 1.0
	if sign == '-' {
		by = minus
	}
	for range min(n, 1000) {
		y *= by
	}
	return y
}

// inWord tells whether a character is of a word that a sign can end: not white space, and not punctuation save the
// apostrophe and the underscore.
func inWord(r rune) bool {
	return r == '\'' || r == '_' || !unicode.IsSpace(r) && !unicode.IsPunct(r) && !unicode.IsSymbol(r)
}
