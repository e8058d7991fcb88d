package prompt

import (
	"math"
	"strconv"
	"strings"
)

// Piece is a part of a prompt whose tokens have one weight.
type Piece struct {
	Text   string
	Weight float64 // 1 is the text as it is; may be 0 or negative
	// Break stands between two pieces where a new chunk begins; Text is empty and Weight 1.
	Break bool
}

const (
	// MaxDepth is how many brackets may be open at once.
	MaxDepth = 64
	// MaxWeight bounds the weight of a piece in size.
	MaxWeight = 1e4
)

// stronger and weaker are what a pair of round, of square brackets multiplies by.
const (
	stronger = 1.1
	weaker   = 1 / 1.1
)

// Parse reads a prompt as A1111's modules/prompt_parser.py, parse_prompt_attention, does:
//
//	(a)      weight 1.1
//	[a]      weight 1/1.1
//	(a:1.3)  weight 1.3; white space may be around the number
//	\( \) \[ \] \\   the character itself; any other \ is dropped
//	BREAK    a word of its own: a new chunk begins
//
// Brackets within brackets multiply. One that is never closed reaches to the end of the text, and one that
// closes nothing is text. A number is digits and points with a sign, so that in (a:1e3) nothing is a number:
// the text is "a:1e3". Neighbours of one weight are one piece; there is at least one piece.
//
// In two points Parse differs: BREAK within brackets is one (A1111 takes the word for text there), and an error
// is returned for what A1111 fails on or draws noise from: a number such as 1.2.3, a weight beyond
// [MaxWeight], and more than [MaxDepth] open brackets. Errors are *[Error].
//
// The time is linear in the length of the text.
func Parse(text string) ([]Piece, error) {
	p := parser{text: text}
	for p.at < len(text) {
		if err := p.next(); err != nil {
			return nil, err
		}
	}
	for _, from := range p.round {
		p.multiply(from, stronger)
	}
	for _, from := range p.square {
		p.multiply(from, weaker)
	}
	for i, piece := range p.pieces {
		if !(math.Abs(piece.Weight) <= MaxWeight) {
			return nil, errorAt(p.offsets[i], "weight %.4g of %.20q, want at most %g", piece.Weight, piece.Text, MaxWeight)
		}
	}
	return merge(p.pieces), nil
}

// parser is the state of Parse. The pieces are not merged before the end: brackets refer to them by number.
type parser struct {
	text          string
	at            int // the first byte not read
	pieces        []Piece
	offsets       []int // of the pieces in the text
	round, square []int // for every open bracket the number of the first piece within
}

// multiply changes the weights of the last pieces. Each piece is multiplied once for every bracket around it,
// of which there are at most MaxDepth.
func (p *parser) multiply(from int, by float64) {
	for i := from; i < len(p.pieces); i++ {
		if !p.pieces[i].Break {
			p.pieces[i].Weight *= by
		}
	}
}

func (p *parser) add(piece Piece) {
	piece.Weight = 1
	p.pieces = append(p.pieces, piece)
	p.offsets = append(p.offsets, p.at)
}

// next reads one token of the notation.
func (p *parser) next() error {
	switch c := p.text[p.at]; c {
	case '\\':
		n := 1
		if p.at+1 < len(p.text) && strings.IndexByte(`()[]\`, p.text[p.at+1]) >= 0 {
			n = 2
		}
		p.add(Piece{Text: p.text[p.at+1 : p.at+n]})
		p.at += n
	case '(', '[':
		if len(p.round)+len(p.square) == MaxDepth {
			return errorAt(p.at, "more than %d open brackets", MaxDepth)
		}
		if c == '(' {
			p.round = append(p.round, len(p.pieces))
		} else {
			p.square = append(p.square, len(p.pieces))
		}
		p.at++
	case ')':
		p.close(&p.round, stronger, 1)
	case ']':
		p.close(&p.square, weaker, 1)
	case ':':
		s, n := number(p.text[p.at+1:])
		if n == 0 { // a colon
			p.add(Piece{Text: ":"})
			p.at++
			return nil
		}
		by := 1.0
		if len(p.round) > 0 {
			var err error
			if by, err = strconv.ParseFloat(s, 64); err != nil {
				return errorAt(p.at+1, "weight %.20q is not a number", s)
			}
		}
		p.close(&p.round, by, n+1)
	default:
		n := strings.IndexAny(p.text[p.at:], `\()[]:`)
		if n < 0 {
			n = len(p.text) - p.at
		}
		p.words(p.at + n)
	}
	return nil
}

// close reads n bytes that end a bracket, or that are text if none is open.
func (p *parser) close(open *[]int, by float64, n int) {
	if k := len(*open) - 1; k >= 0 {
		p.multiply((*open)[k], by)
		*open = (*open)[:k]
	} else {
		p.add(Piece{Text: p.text[p.at : p.at+n]})
	}
	p.at += n
}

// number returns the number that s begins with, if it ends a bracket, and how many bytes there are to the
// bracket's end; 0 if s does not begin so.
func number(s string) (digits string, n int) {
	t := strings.TrimLeftFunc(s, space)
	for n < len(t) && (t[n] == '.' || t[n] >= '0' && t[n] <= '9' || n == 0 && (t[n] == '+' || t[n] == '-')) {
		n++
	}
	digits = t[:n]
	t = strings.TrimLeftFunc(t[n:], space)
	if strings.Trim(digits, "+-") == "" || t == "" || t[0] != ')' {
		return "", 0
	}
	return digits, len(s) - len(t) + 1
}

// merge joins neighbours of the same weight.
func merge(pieces []Piece) []Piece {
	if len(pieces) == 0 {
		return []Piece{{Weight: 1}}
	}
	var out []Piece
	for i := 0; i < len(pieces); {
		first := pieces[i]
		var b strings.Builder
		n := i
		for ; n < len(pieces) && pieces[n].Weight == first.Weight && !pieces[n].Break; n++ {
			b.WriteString(pieces[n].Text)
		}
		if first.Break {
			out = append(out, first)
			i++
			continue
		}
		out = append(out, Piece{Text: b.String(), Weight: first.Weight})
		i = n
	}
	return out
}
