package tokenizer

import (
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func clip(t testing.TB) *CLIP {
	t.Helper()
	c, err := Open(os.DirFS("testdata"), "clip")
	require.NoError(t, err)
	return c
}

// TestMatchesTransformers compares with the tokens that transformers 5.23 gives 483 hard strings with CLIP's
// real vocabulary; see testdata/make.py.
func TestMatchesTransformers(t *testing.T) {
	b, err := os.ReadFile("testdata/clip.json")
	require.NoError(t, err)
	var cases []struct {
		Text           string
		Tokens, Padded []int32
	}
	require.NoError(t, json.Unmarshal(b, &cases))
	require.Greater(t, len(cases), 400)
	c := clip(t)
	for _, x := range cases {
		got := c.Tokens(x.Text)
		if len(got) == 0 {
			got = []int32{}
		}
		if !assert.Equal(t, x.Tokens, got, "%q", x.Text) {
			continue
		}
		if x.Padded != nil {
			assert.Equal(t, x.Padded, c.Encode(x.Text), "%q", x.Text)
		}
	}
}

// naive merges as the definition says: the lowest rank, leftmost, over and over.
func (c *CLIP) naive(s []string) []string {
	for {
		best, at := int32(1<<30), -1
		for i := range len(s) - 1 {
			if r, ok := c.ranks[pair{s[i], s[i+1]}]; ok && r < best {
				best, at = r, i
			}
		}
		if at < 0 {
			return s
		}
		s = slices.Concat(s[:at], []string{s[at] + s[at+1]}, s[at+2:])
	}
}

func TestMergeIsTheDefinition(t *testing.T) {
	c := clip(t)
	r := rand.New(rand.NewPCG(1, 1))
	for range 3000 {
		s := make([]string, 1+r.IntN(24))
		for i := range s {
			s[i] = string("aeinrst"[r.IntN(7)])
		}
		s[len(s)-1] += endOfWord
		want := c.naive(slices.Clone(s))
		require.Equal(t, want, c.merge(slices.Clone(s)))
	}
}

// TestLongWords: time does not grow with the square of a word's length.
func TestLongWords(t *testing.T) {
	c := clip(t)
	start := time.Now()
	n := len(c.Tokens(strings.Repeat("ab", 1<<20)))
	assert.Positive(t, n)
	assert.Less(t, time.Since(start), 30*time.Second)
}

func TestText(t *testing.T) {
	c := clip(t)
	assert.Equal(t, "a photo of a cat", c.Text(c.Encode("A photo  of a cat")))
	assert.Equal(t, "☕ café", c.Text(c.Tokens("☕ café")))
	assert.Empty(t, c.Text(nil))
}

func TestFrame(t *testing.T) {
	c := clip(t)
	long := c.Encode(strings.Repeat("cat ", 200))
	require.Len(t, long, 77)
	assert.Equal(t, c.Start(), long[0])
	assert.Equal(t, c.End(), long[76])
	assert.NotEqual(t, c.End(), long[75])
	empty := c.Encode("")
	assert.Equal(t, []int32{c.Start(), c.End(), c.Pad()}, empty[:3])
}

// TestOtherPadding: Stable Diffusion 2's tokenizer fills up with "!".
func TestOtherPadding(t *testing.T) {
	fsys := folder(t)
	fsys["clip/special_tokens_map.json"] = &fstest.MapFile{Data: []byte(`{"pad_token": "!"}`)}
	fsys["clip/tokenizer_config.json"] = &fstest.MapFile{Data: []byte(`{"model_max_length": 1000000000000000019884624838656}`)}
	c, err := Open(fsys, "clip")
	require.NoError(t, err)
	x := c.Encode("cat")
	require.Len(t, x, 77)
	assert.EqualValues(t, 0, x[76])
	assert.Equal(t, c.End(), x[2])
}

func folder(t testing.TB) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	for _, name := range []string{"vocab.json", "merges.txt", "tokenizer_config.json"} {
		b, err := os.ReadFile("testdata/clip/" + name)
		require.NoError(t, err)
		fsys["clip/"+name] = &fstest.MapFile{Data: b}
	}
	return fsys
}

func TestBadFiles(t *testing.T) {
	for _, c := range []struct{ file, data, want string }{
		{"vocab.json", "", "want an object of tokens"},
		{"vocab.json", "{}", "has 0 tokens"},
		{"vocab.json", `{"a": "b"}`, "want an object of tokens"},
		{"vocab.json", `{"a": -1}`, "has the number -1"},
		{"vocab.json", `{"a": 1, "b": 1}`, "both have the number 1"},
		{"vocab.json", `{"a": 1048576}`, "has the number 1048576"},
		{"vocab.json", `{"a": 1}`, `has no token "<|startoftext|>"`},
		{"merges.txt", "a b c", "line 1 is"},
		{"merges.txt", "#version\nab", "line 2 is"},
		{"merges.txt", strings.Repeat("x", 1<<17), "cannot be read"},
		{"tokenizer_config.json", "[]", "want an object with the special tokens"},
		{"tokenizer_config.json", `{"model_max_length": 2}`, "model_max_length is 2"},
		{"tokenizer_config.json", `{"model_max_length": 99999}`, "model_max_length is 99999"},
		{"tokenizer_config.json", `{"eos_token": {"content": "<nope>"}}`, `has no token "<nope>"`},
	} {
		fsys := folder(t)
		fsys["clip/"+c.file] = &fstest.MapFile{Data: []byte(c.data)}
		_, err := Open(fsys, "clip")
		var e *FileError
		require.ErrorAs(t, err, &e, "%.30q", c.data)
		assert.ErrorContains(t, err, c.want)
	}
	_, err := Open(fstest.MapFS{}, "clip")
	require.ErrorIs(t, err, fs.ErrNotExist)
}

func FuzzTokens(f *testing.F) {
	f.Add("a photo of a cat")
	f.Add("\xff\xfe it's <|endoftext|>")
	c := clip(f)
	f.Fuzz(func(t *testing.T, text string) {
		for _, id := range c.Tokens(text) {
			if _, ok := c.tokens[id]; !ok {
				t.Fatalf("token %d of %q does not exist", id, text)
			}
		}
		if n := len(c.Encode(text)); n != c.Length() {
			t.Fatalf("%d tokens", n)
		}
	})
}
