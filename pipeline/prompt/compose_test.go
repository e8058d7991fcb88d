package prompt_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/pipeline/prompt"
)

func part(text string, weight float64) prompt.Part {
	return prompt.Part{Pieces: []prompt.Piece{piece(text, 1)}, Weight: weight}
}

// TestCompose: what A1111's documentation of composable diffusion and the expressions of its modules/prompt_parser.py
// (AND between word boundaries; a number as \d+\.? or \d*\.\d+ with a sign) say, by hand.
func TestCompose(t *testing.T) {
	for text, want := range map[string][]prompt.Part{
		"":      {part("", 1)},
		"a cat": {part("a cat", 1)},
		"a cat :1.2 AND a dog AND a penguin :2.2": {part("a cat", 1.2), part(" a dog", 1), part(" a penguin", 2.2)},
		"a AND b":               {part("a", 1), part(" b", 1)},
		"a\nAND\nb":             {part("a", 1), part("\nb", 1)},
		"AND":                   {part("", 1), part("", 1)},
		"aAND ANDb A_AND and":   {part("aAND ANDb A_AND and", 1)},
		"a,AND(b":               {part("a,", 1), {Pieces: []prompt.Piece{piece("b", 1.1)}, Weight: 1}},
		"cat:2":                 {part("cat", 2)},
		"cat:-.5 ":              {part("cat", -.5)},
		"cat : +3.":             {part("cat", 3)},
		"cat:0":                 {part("cat", 0)},
		"cat: :2":               {part("cat:", 2)},
		"cat:1:2":               {part("cat:1", 2)},
		"cat:1.5.":              {part("cat:1.5.", 1)},
		"cat:.":                 {part("cat:.", 1)},
		"cat:+":                 {part("cat:+", 1)},
		"cat 2":                 {part("cat 2", 1)},
		"cat:1e3":               {part("cat:1e3", 1)},
		":2":                    {part("", 2)},
		"(cat:1.5):2 AND [dog]": {{Pieces: []prompt.Piece{piece("cat", 1.5)}, Weight: 2}, {Pieces: []prompt.Piece{piece(" ", 1), piece("dog", 1/1.1)}, Weight: 1}},
		"(a AND b)":             {{Pieces: []prompt.Piece{piece("a", 1.1)}, Weight: 1}, part(" b)", 1)}, // brackets end with a part
	} {
		got, err := prompt.Compose(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func TestComposeErrors(t *testing.T) {
	for text, offset := range map[string]int{
		"a:10001":                         2,
		"a AND b:-99999 AND c":            8,
		"a:" + strings.Repeat("9", 999):   2,
		"a AND (b:1.2.3)":                 9,
		strings.Repeat("a AND ", 32) + "": 191,
	} {
		_, err := prompt.Compose(text)
		var e *prompt.Error
		require.ErrorAs(t, err, &e, "%.40q", text)
		require.Equal(t, offset, e.Offset, "%.40q", text)
	}
	_, err := prompt.Compose(strings.Repeat("a AND ", 31))
	require.NoError(t, err)
}

func ExampleCompose() {
	parts, err := prompt.Compose("a forest :0.8 AND a (red) river")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, p := range parts {
		fmt.Printf("%g %q\n", p.Weight, p.Pieces[0].Text)
	}
	// Output:
	// 0.8 "a forest"
	// 1 " a "
}

func FuzzCompose(f *testing.F) {
	f.Add("a :1.2 AND (b:1.5) BREAK c AND [d")
	f.Add("AND AND:2:.3")
	f.Fuzz(func(t *testing.T, text string) {
		parts, err := prompt.Compose(text)
		if err != nil {
			var e *prompt.Error
			require.ErrorAs(t, err, &e)
			require.LessOrEqual(t, e.Offset, len(text))
			return
		}
		require.LessOrEqual(t, len(parts), prompt.MaxParts)
		for _, p := range parts {
			require.True(t, p.Weight >= -prompt.MaxWeight && p.Weight <= prompt.MaxWeight)
			require.NotEmpty(t, p.Pieces)
		}
	})
}
