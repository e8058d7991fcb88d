package tokenizer

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// unigramFile is testdata/unigram/tokenizer.json with other keys; "MAP" in them is the file's charsmap.
func unigramFile(t testing.TB, keys map[string]json.RawMessage) []byte {
	t.Helper()
	var file map[string]json.RawMessage
	load(t, "unigram/tokenizer.json", &file)
	var n struct {
		Map string `json:"precompiled_charsmap"`
	}
	require.NoError(t, json.Unmarshal(file["normalizer"], &n))
	for k, v := range keys {
		file[k] = json.RawMessage(strings.ReplaceAll(string(v), `"MAP"`, `"`+n.Map+`"`))
	}
	data, err := json.Marshal(file)
	require.NoError(t, err)
	return data
}

func openUnigram(t testing.TB) *Unigram {
	t.Helper()
	u, err := OpenUnigram(os.DirFS("testdata"), "unigram")
	require.NoError(t, err)
	return u
}

// TestUnigramMatchesTokenizers compares the tokens of hard strings with those of tokenizers 0.23.3, for a file of T5's
// form and others that transformers writes or might (testdata/make_unigram.py).
func TestUnigramMatchesTokenizers(t *testing.T) {
	var variants []struct {
		Name   string
		Keys   map[string]json.RawMessage
		Texts  []string
		Tokens [][]int32
	}
	load(t, "unigram/cases.json", &variants)
	require.Len(t, variants, 9)
	require.Greater(t, len(variants[0].Texts), 600)
	for _, v := range variants {
		t.Run(v.Name, func(t *testing.T) {
			u, err := ParseUnigram("tokenizer.json", unigramFile(t, v.Keys))
			require.NoError(t, err)
			for i, text := range v.Texts {
				got := slices.Concat(u.before, u.Tokens(text), u.after)
				assert.Equal(t, v.Tokens[i], list(got), "%+.200q", text)
			}
		})
	}
}

// TestUnigramClusters holds the clusters of characters against those of tokenizers 0.23.3 with a map whose keys show more
// of them than SentencePiece's does (testdata/make_graphemes.py).
func TestUnigramClusters(t *testing.T) {
	var cases struct {
		Map         string
		Texts, Want []string
	}
	load(t, "graphemes.json", &cases)
	require.Greater(t, len(cases.Texts), 500)
	c, err := parseCharsmap(&object{file: "graphemes.json"}, cases.Map)
	require.NoError(t, err)
	for i, text := range cases.Texts {
		assert.Equal(t, cases.Want[i], c.normalize(text), "%+q", text)
	}
}

// TestUnigramEncode: a text is cut and filled up to the length, and keeps its end.
func TestUnigramEncode(t *testing.T) {
	u := openUnigram(t)
	words := u.Tokens("the network of the text")
	require.Greater(t, len(words), 3)
	end, ok := u.ID("</s>")
	require.True(t, ok)
	for length := range 2 * len(words) {
		ids, n := u.Encode("the network of the text", length)
		require.Len(t, ids, length)
		want := append(slices.Clone(words[:max(0, min(len(words), length-1))]), end)
		want = want[:min(len(want), length)]
		require.Equal(t, len(want), n)
		for len(want) < length {
			want = append(want, u.Pad())
		}
		require.Equal(t, list(want), list(ids))
	}
	ids, n := u.Encode("", -1)
	require.Empty(t, ids)
	require.Zero(t, n)
	assert.Equal(t, "</s>", u.Token(end))
	assert.Empty(t, u.Token(-1))
	assert.Empty(t, u.Token(1<<30))
}

// TestUnigramIsTheBest: no way to cut a short word into pieces has a greater sum of scores.
func TestUnigramIsTheBest(t *testing.T) {
	u := openUnigram(t)
	p := &u.pieces
	var best func(word string) float64
	best = func(word string) float64 {
		if word == "" {
			return 0
		}
		_, size := utf8.DecodeRuneInString(word)
		top := p.penalty + best(word[size:])
		if _, ok := p.vocab[word[:size]]; ok {
			top = p.scores[p.vocab[word[:size]]] + best(word[size:])
		}
		for n := size + 1; n <= len(word); n++ {
			if id, ok := p.vocab[word[:n]]; ok {
				top = max(top, p.scores[id]+best(word[n:]))
			}
		}
		return top
	}
	r := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		word := "▁"
		for range 1 + r.IntN(9) {
			word += string([]rune("aeinrsté猫")[r.IntN(9)])
		}
		require.InDelta(t, best(word), p.best(word)[len(word)].score, 1e-9, "%q", word)
	}
}

// TestUnigramLongTexts: time does not grow with the square of a text's length.
func TestUnigramLongTexts(t *testing.T) {
	u := openUnigram(t)
	for _, part := range []string{"ab", "a ", "\u0301", "\u1100", "\xff", "</s>", "</s", "▁", "猫", "🇩", "ﷺ"} {
		start := time.Now()
		u.Tokens(strings.Repeat(part, 1<<20/len(part)))
		assert.Less(t, time.Since(start), 30*time.Second, "%q", part)
	}
}

func FuzzUnigram(f *testing.F) {
	f.Add("a photo of a cat </s> <extra_id_0>")
	f.Add("\xff\xfe e\u0301\u0323 ﬁ\u200d©")
	u := openUnigram(f)
	f.Fuzz(func(t *testing.T, text string) {
		ids, n := u.Encode(text, 77)
		if len(ids) != 77 || n < 1 || n > 77 {
			t.Fatalf("%d tokens, %d of them the text's", len(ids), n)
		}
		for _, id := range ids {
			if u.Token(id) == "" {
				t.Fatalf("token %d of %q does not exist", id, text)
			}
		}
	})
}

func BenchmarkUnigram(b *testing.B) {
	u := openUnigram(b)
	const text = "an oil painting of a fox in the style of van gogh, trending on artstation, 4k"
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		u.Tokens(text)
	}
}
