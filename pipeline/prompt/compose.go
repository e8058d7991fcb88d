package prompt

import (
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxParts bounds the parts of a composition.
const MaxParts = 32

// Part is one prompt of a composition.
type Part struct {
	Pieces []Piece
	// Weight is that of the part's guidance, 1 unless its text ends in a colon and a number. With D(c) what the
	// network makes of a part's condition c, and D(0) of the negative prompt's, the guided result is
	//
	//	D(0) + scale * (Weight1 (D(c1) - D(0)) + Weight2 (D(c2) - D(0)) + ...)
	//
	// (Liu et al., "Compositional Visual Generation with Composable Diffusion Models", 2022, arXiv:2206.01714,
	// equation 11).
	Weight float64
}

// Compose reads a composition, as A1111's modules/prompt_parser.py, get_multicond_prompt_list, does: the word AND, a
// word of its own and in capitals, parts it, even within brackets; a part may end in a weight:
//
//	a forest :0.8 AND a river AND fog:-.3
//
// A text without AND is a composition of one part. What the parts say is read by [Parse]. Errors, of more than
// [MaxParts] parts and of a weight beyond [MaxWeight] too, are *[Error].
func Compose(text string) ([]Part, error) {
	var parts []Part
	for at, more := 0, true; more; {
		if len(parts) == MaxParts {
			return nil, errorAt(at, "more than %d parts", MaxParts)
		}
		end, next := findWord(text, at, "AND")
		more = next >= 0
		body, weight, err := partWeight(text[at:end], at)
		if err != nil {
			return nil, err
		}
		pieces, err := Parse(body)
		if err != nil {
			if e, ok := err.(*Error); ok && e.Offset >= 0 {
				e.Offset += at
			}
			return nil, err
		}
		parts = append(parts, Part{Pieces: pieces, Weight: weight})
		at = next
	}
	return parts, nil
}

// findWord finds a word that no letter, digit or underscore touches: where it starts, and where the text goes on. Without
// one, start is the end of the text and next is -1.
func findWord(text string, from int, word string) (start, next int) {
	for at := from; ; {
		i := strings.Index(text[at:], word)
		if i < 0 {
			return len(text), -1
		}
		i += at
		at = i + len(word)
		before, _ := utf8.DecodeLastRuneInString(text[:i])
		after, _ := utf8.DecodeRuneInString(text[at:])
		if !(i > 0 && wordRune(before)) && !(at < len(text) && wordRune(after)) {
			return i, at
		}
	}
}

// partWeight takes the weight off the end of a part that starts at an offset: a colon, and digits with a sign and a
// point or without.
func partWeight(s string, offset int) (body string, weight float64, err error) {
	t := trimRight(s)
	n := len(t)
	for n > 0 && (t[n-1] == '.' || t[n-1] >= '0' && t[n-1] <= '9') {
		n--
	}
	if digits := t[n:]; strings.Count(digits, ".") > 1 || strings.Trim(digits, ".") == "" {
		return t, 1, nil
	}
	if n > 0 && (t[n-1] == '+' || t[n-1] == '-') {
		n--
	}
	body, ok := strings.CutSuffix(trimRight(t[:n]), ":")
	if !ok {
		return t, 1, nil
	}
	weight, err = strconv.ParseFloat(t[n:], 64)
	if err != nil || math.Abs(weight) > MaxWeight {
		return "", 0, errorAt(offset+n, "weight %.20q of a part, want at most %g", t[n:], MaxWeight)
	}
	return trimRight(body), weight, nil
}
