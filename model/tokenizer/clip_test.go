package tokenizer

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// naive merges as the definition says: the lowest rank, leftmost, over and over.
func (c *CLIP) naive(s []int32) []int32 {
	for {
		best, at := merge{rank: 1 << 30}, -1
		for i := range len(s) - 1 {
			if m, ok := c.merges[pair(s[i], s[i+1])]; ok && m.rank < best.rank {
				best, at = m, i
			}
		}
		if at < 0 {
			return s
		}
		s = slices.Concat(s[:at], []int32{best.token}, s[at+2:])
	}
}

func TestMergeIsTheDefinition(t *testing.T) {
	c := open(t)
	r := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		s := make([]int32, 1+r.IntN(24))
		for i := range s {
			s[i] = c.first["aeinrst"[r.IntN(7)]]
		}
		s[len(s)-1] = c.last['e']
		want := c.naive(slices.Clone(s))
		require.Equal(t, want, c.mergeAll(slices.Clone(s)))
	}
}

// TestLongTexts: time does not grow with the square of a text's length, whatever it is made of.
func TestLongTexts(t *testing.T) {
	const n = 1 << 20
	for name, part := range map[string]string{
		"a word": "ab", "marks": "\u0301", "marks of two classes": "\u0323\u0301", "jamo": "\u1161", "invalid": "\xff",
		"special": "<|endoftext|>", "nearly special": "<|endoftext", "blanks": " ", "runs": "!'", "upper case": "AB",
	} {
		t.Run(name, func(t *testing.T) {
			c := open(t)
			start := time.Now()
			c.Tokens(strings.Repeat(part, n/len(part)))
			assert.Less(t, time.Since(start), 30*time.Second)
		})
	}
}

func TestText(t *testing.T) {
	c := open(t)
	assert.Equal(t, "a photo of a cat", c.Text(c.Encode("A photo  of a cat")))
	assert.Equal(t, "☕ café", c.Text(c.Tokens("☕ café")))
	assert.Empty(t, c.Text(nil))
	assert.Equal(t, "a", c.Text([]int32{-1, 320, 1 << 30}))
}

func TestFrame(t *testing.T) {
	c := open(t)
	long := c.Encode(strings.Repeat("cat ", 200))
	require.Len(t, long, 77)
	assert.Equal(t, c.Start(), long[0])
	assert.Equal(t, c.End(), long[76])
	assert.NotEqual(t, c.End(), long[75])
	empty := c.Encode("")
	assert.Equal(t, []int32{c.Start(), c.End(), c.Pad()}, empty[:3])
}

func TestID(t *testing.T) {
	c := open(t)
	id, ok := c.ID("cat</w>")
	assert.True(t, ok)
	assert.EqualValues(t, 2368, id)
	assert.Equal(t, "cat</w>", c.Token(2368))
	_, ok = c.ID("no such token")
	assert.False(t, ok)
	assert.Empty(t, c.Token(-1))
}

// TestLengthOfNone: some files say 1e30 where they mean that there is no limit.
func TestLengthOfNone(t *testing.T) {
	c, err := Open(folder(t, map[string]json.RawMessage{
		"tokenizer_config": []byte(`{"model_max_length": 1000000000000000019884624838656}`)}), "clip")
	require.NoError(t, err)
	assert.Equal(t, 77, c.Length())
}

// TestManyAtOnce fills the cache from several goroutines, and over its bound.
func TestManyAtOnce(t *testing.T) {
	c := open(t)
	want := c.Tokens("a photo of a cat")
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range cacheWords {
				c.Tokens(fmt.Sprintf("w%x-%x", g, i*7919))
				if i%512 == 0 {
					assert.Equal(t, want, c.Tokens("a photo of a cat"))
				}
			}
		})
	}
	wg.Wait()
	assert.LessOrEqual(t, len(c.cache.words), cacheWords)
	c.Tokens(strings.Repeat("x", cacheBytes+1))
	assert.NotContains(t, c.cache.words, strings.Repeat("x", cacheBytes+1))
}

func FuzzTokens(f *testing.F) {
	f.Add("a photo of a cat")
	f.Add("\xff\xfe it's <|endoftext|> e\u0301\u0323")
	c := open(f)
	f.Fuzz(func(t *testing.T, text string) {
		tokens := c.Tokens(text)
		for _, id := range tokens {
			if _, ok := c.tokens[id]; !ok {
				t.Fatalf("token %d of %q does not exist", id, text)
			}
		}
		if n := len(c.Frame(tokens)); n != c.Length() {
			t.Fatalf("%d tokens", n)
		}
		c.Text(tokens)
		// A cut at white space changes nothing, save within a special token.
		if left, right, ok := strings.Cut(text, " "); ok && !slices.Equal(tokens, append(c.Tokens(left), c.Tokens(right)...)) {
			t.Fatalf("%q has other tokens than its parts", text)
		}
	})
}

func BenchmarkTokens(b *testing.B) {
	c := open(b)
	const text = "an oil painting of a fox in the style of van gogh, trending on artstation, 4k"
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		c.Tokens(text)
	}
}

func BenchmarkLongWord(b *testing.B) {
	c := open(b)
	text := strings.Repeat("abcdefgh", 1<<14)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		c.Tokens(text)
	}
}
