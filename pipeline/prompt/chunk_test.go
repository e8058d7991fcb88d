package prompt_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/model/tokenizer"
	"github.com/cudiffuse/cudiffuse/pipeline/prompt"
)

var _ prompt.Tokenizer = (*tokenizer.CLIP)(nil)

// letters has a token for each byte; the length is that of CLIP.
type letters struct{ length int }

const start, end, pad = 1000, 1001, 1002

func (letters) Tokens(text string) (out []int32) {
	for _, b := range []byte(text) {
		out = append(out, int32(b))
	}
	return out
}

func (l letters) Frame(tokens []int32) []int32 {
	out := append([]int32{start}, tokens[:min(len(tokens), l.length-2)]...)
	out = append(out, end)
	for len(out) < l.length {
		out = append(out, pad)
	}
	return out
}

func (l letters) Length() int { return l.length }

func (letters) ID(token string) (int32, bool) { return ',', token == ",</w>" }

// texts are what chunks hold between start and end.
func texts(t *testing.T, chunks []prompt.Chunk) (out []string) {
	t.Helper()
	for _, c := range chunks {
		require.Len(t, c.Weights, len(c.Tokens))
		require.EqualValues(t, start, c.Tokens[0])
		stop := slices.Index(c.Tokens, end)
		var b strings.Builder
		for _, id := range c.Tokens[1:stop] {
			b.WriteByte(byte(id))
		}
		for i := stop + 1; i < len(c.Tokens); i++ {
			require.EqualValues(t, pad, c.Tokens[i])
			require.EqualValues(t, 1, c.Weights[i])
		}
		require.EqualValues(t, 1, c.Weights[0])
		require.EqualValues(t, 1, c.Weights[stop])
		out = append(out, b.String())
	}
	return out
}

// TestCut: where a text is cut, by the rules of tokenize_line in A1111's modules/sd_hijack_clip.py.
func TestCut(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"empty":           {"", []string{""}},
		"short":           {"abc", []string{"abc"}},
		"full":            {x(75), []string{x(75)}},
		"one more":        {x(76), []string{x(75), "x"}},
		"three":           {x(160), []string{x(75), x(75), x(10)}},
		"comma near":      {x(60) + "," + x(20), []string{x(60) + ",", x(20)}},
		"21 from the end": {x(54) + "," + x(30), []string{x(54) + "," + x(20), x(10)}},
		"20 from the end": {x(55) + "," + x(30), []string{x(55) + ",", x(30)}},
		"last comma":      {x(60) + "," + x(5) + "," + x(20), []string{x(60) + "," + x(5) + ",", x(20)}},
		"comma last":      {x(74) + "," + x(3), []string{x(74) + ",", x(3)}},
		"comma beyond":    {x(60) + "," + x(14) + "," + x(3), []string{x(60) + "," + x(14), "," + x(3)}},
		"fits":            {x(60) + "," + x(14), []string{x(60) + "," + x(14)}},
		"twice":           {x(70) + "," + x(60) + "," + x(20), []string{x(70) + ",", x(60) + ",", x(20)}},
		"break":           {"ab BREAK cd", []string{"ab", "cd"}},
		"break last":      {"ab BREAK", []string{"ab"}},
		"break first":     {"BREAK ab", []string{"", "ab"}},
		"break alone":     {"BREAK", []string{""}},
		"break full":      {x(75) + " BREAK b", []string{x(75), "b"}},
		"breaks":          {"a BREAK BREAK b", []string{"a", "", "b"}},
		// The comma before a break is of another chunk.
		"comma, break": {"a, BREAK " + x(80), []string{"a,", x(75), x(5)}},
	} {
		pieces, err := prompt.Parse(c.text)
		require.NoError(t, err)
		chunks, err := prompt.Cut(letters{77}, pieces)
		require.NoError(t, err)
		require.Equal(t, c.want, texts(t, chunks), name)
	}
}

// TestCutWeights: weights go with their tokens, over a cut at a comma too.
func TestCutWeights(t *testing.T) {
	pieces, err := prompt.Parse("ab,(c:2)[d:](e:3)f")
	require.NoError(t, err)
	chunks, err := prompt.Cut(letters{8}, pieces) // 6 tokens: "ab,cd:" is full before e
	require.NoError(t, err)
	require.Equal(t, []string{"ab,", "cd:ef"}, texts(t, chunks))
	weaker := float32(1 / 1.1)
	require.Equal(t, []float32{1, 1, 1, 1, 1, 1, 1, 1}, chunks[0].Weights)
	require.Equal(t, []float32{1, 2, weaker, weaker, 3, 1, 1, 1}, chunks[1].Weights)

	padded := prompt.Pad(letters{8}, chunks, 4)
	require.Equal(t, []string{"ab,", "cd:ef", "", ""}, texts(t, padded))
	require.Len(t, prompt.Pad(letters{8}, chunks, 1), 2, "nothing is cut")
}

// TestCutErrors: bounds on the work that a prompt asks for.
func TestCutErrors(t *testing.T) {
	for name, c := range map[string]struct {
		length int
		text   string
	}{
		"text":    {77, strings.Repeat("x", 75*prompt.MaxChunks+1)},
		"breaks":  {77, strings.Repeat("BREAK ", 1<<16)},
		"no room": {2, "a"},
	} {
		pieces, err := prompt.Parse(c.text)
		require.NoError(t, err)
		_, err = prompt.Cut(letters{c.length}, pieces)
		var e *prompt.Error
		require.ErrorAs(t, err, &e, name)
	}
	chunks, err := prompt.Cut(letters{77}, slices.Repeat([]prompt.Piece{piece("x", 1), pause}, prompt.MaxChunks))
	require.NoError(t, err)
	require.Len(t, chunks, prompt.MaxChunks)
	chunks, err = prompt.Cut(letters{77}, []prompt.Piece{piece(strings.Repeat("x", 75*prompt.MaxChunks), 1)})
	require.NoError(t, err)
	require.Len(t, chunks, prompt.MaxChunks)
}
