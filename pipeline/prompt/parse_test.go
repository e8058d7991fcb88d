package prompt_test

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline/prompt"
)

func piece(text string, weight float64) prompt.Piece { return prompt.Piece{Text: text, Weight: weight} }

var pause = prompt.Piece{Weight: 1, Break: true}

// TestParseReference: the examples that parse_prompt_attention of A1111's modules/prompt_parser.py documents,
// to the last bit of a weight.
func TestParseReference(t *testing.T) {
	for text, want := range map[string][]prompt.Piece{
		`normal text`:           {piece("normal text", 1)},
		`an (important) word`:   {piece("an ", 1), piece("important", 1.1), piece(" word", 1)},
		`(unbalanced`:           {piece("unbalanced", 1.1)},
		`\(literal\]`:           {piece("(literal]", 1)},
		`(unnecessary)(parens)`: {piece("unnecessaryparens", 1.1)},
		`a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).`: {
			piece("a ", 1), piece("house", 1.5730000000000004), piece(" ", 1.1), piece("on", 1),
			piece(" a ", 1.1), piece("hill", 0.55), piece(", sun, ", 1.1), piece("sky", 1.4641000000000006),
			piece(".", 1.1)},
	} {
		got, err := prompt.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

// TestParse: what the rules of the notation say, by hand.
func TestParse(t *testing.T) {
	weaker := 1 / 1.1
	for text, want := range map[string][]prompt.Piece{
		"":                     {piece("", 1)},
		"()":                   {piece("", 1)},
		"a [b] c":              {piece("a ", 1), piece("b", weaker), piece(" c", 1)},
		"[[b]]":                {piece("b", weaker*weaker)},
		"((b))":                {piece("b", 1.2100000000000002)},
		"[b":                   {piece("b", weaker)},
		"a) b] c:1.5)":         {piece("a) b] c:1.5)", 1)}, // close nothing
		"(a:1e999)":            {piece("a:1e999", 1.1)},    // no number in this notation
		"(a:NaN)":              {piece("a:NaN", 1.1)},
		"(a:inf)":              {piece("a:inf", 1.1)},
		"(a: 1.3)":             {piece("a", 1.3)},
		"a: 1.3 )":             {piece("a: 1.3 )", 1)},
		"(a: 1 3)":             {piece("a: 1 3", 1.1)},
		"(a:\t-1.3 )":          {piece("a", -1.3)},
		"(a:)":                 {piece("a:", 1.1)},
		"(a:+)":                {piece("a:+", 1.1)},
		"(a:-2)(b:+.5)":        {piece("a", -2), piece("b", 0.5)},
		"(a:0)":                {piece("a", 0)},
		"[a:1.3]":              {piece("a:1.3", weaker)}, // square brackets take no number
		"(a [b:2) c]":          {piece("a ", 2), piece("b", 2*weaker), piece(" c", weaker)},
		`\\(a)\`:               {piece(`\`, 1), piece("a", 1.1), piece("", 1)},
		`a\b`:                  {piece("ab", 1)},
		"a BREAK b":            {piece("a", 1), pause, piece("b", 1)},
		"BREAK":                {piece("", 1), pause, piece("", 1)},
		"a\nBREAK BREAK b":     {piece("a", 1), pause, piece("", 1), pause, piece("b", 1)},
		"(a BREAK b:2)":        {piece("a", 2), pause, piece("b", 2)},
		"a,BREAK,b":            {piece("a,", 1), pause, piece(",b", 1)},
		"BREAKS aBREAK":        {piece("BREAKS aBREAK", 1)},
		"ÉBREAK BREAK_ 1BREAK": {piece("ÉBREAK BREAK_ 1BREAK", 1)},
		"break":                {piece("break", 1)},
	} {
		got, err := prompt.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

// TestParseErrors: what has no weight that a network could take.
func TestParseErrors(t *testing.T) {
	for text, offset := range map[string]int{
		"(a:1.2.3)":                            3,
		"(a:.)":                                3,
		"xy (a:10001)":                         4,
		"(a:-10001)":                           1,
		"((a:9999):9999)":                      2,
		"(a:" + strings.Repeat("9", 400) + ")": 3,
		strings.Repeat("(", 65):                64,
		strings.Repeat("([", 1<<16):            64,
		"(" + strings.Repeat("[", 64) + "a:1)": 64,
	} {
		_, err := prompt.Parse(text)
		var e *prompt.Error
		require.ErrorAs(t, err, &e, "%.40s", text)
		require.Equal(t, offset, e.Offset, "%.40s: %v", text, err)
		require.Less(t, len(err.Error()), 200)
	}
	_, err := prompt.Parse(strings.Repeat("(", 64) + "a")
	require.NoError(t, err)
}

// TestParseLinear: texts that would take minutes if the time grew with the square of the length.
func TestParseLinear(t *testing.T) {
	const n = 1 << 18
	for _, unit := range []string{"(", "[", ")", "a", `\`, ":", ":1", "(a)", "(a:1.1)", "BREAK ", "BREAKa", " ", "(]", "[)"} {
		text := strings.Repeat(unit, n/len(unit))
		start := time.Now()
		_, _ = prompt.Parse(text)                           // an error is fine
		_, _ = prompt.Parse(strings.Repeat("(", 64) + text) // all within brackets
		require.Less(t, time.Since(start), 20*time.Second, unit)
	}
}

// FuzzParse: any text gives an error of the package or finite weights, and without special characters itself.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"a (b:1.3) [c]", `\(\)\[\]\\`, "((([[[", "]])):1.5)", "a BREAK b", "(a:1e999)", "(:.)", "\xff(é:-0)"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		pieces, err := prompt.Parse(text)
		if err != nil {
			require.IsType(t, &prompt.Error{}, err)
			return
		}
		require.NotEmpty(t, pieces)
		length := 0
		for i, p := range pieces {
			require.LessOrEqual(t, math.Abs(p.Weight), prompt.MaxWeight)
			length += len(p.Text)
			if p.Break {
				require.Equal(t, pause, p)
			} else if i > 0 && !pieces[i-1].Break {
				require.NotEqual(t, pieces[i-1].Weight, p.Weight)
			}
		}
		require.LessOrEqual(t, length, len(text))
		if !strings.ContainsAny(text, `()[]\`) && !strings.Contains(text, "BREAK") {
			require.Equal(t, []prompt.Piece{piece(text, 1)}, pieces)
		}
	})
}
