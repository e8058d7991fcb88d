package tokenizer

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The references of this file were made by testdata/make.py with transformers 5.23.

func load(t testing.TB, name string, to any) {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, to))
}

func open(t testing.TB) *CLIP {
	t.Helper()
	c, err := Open(os.DirFS("testdata"), "clip")
	require.NoError(t, err)
	return c
}

// list is a slice that is never nil, for comparisons.
func list(x []int32) []int32 { return append([]int32{}, x...) }

// TestMatchesTransformers compares the tokens of hard strings, twice: the second time many words are in the cache.
func TestMatchesTransformers(t *testing.T) {
	var cases []struct {
		Text   string
		Tokens []int32
	}
	load(t, "clip.json", &cases)
	require.Greater(t, len(cases), 600)
	c := open(t)
	for range 2 {
		for _, x := range cases {
			assert.Equal(t, x.Tokens, list(c.Tokens(x.Text)), "%q", x.Text)
		}
	}
	assert.NotEmpty(t, c.cache.words)
}

// folder is testdata/clip with other small files.
func folder(t testing.TB, files map[string]json.RawMessage) fstest.MapFS {
	t.Helper()
	fsys := fstest.MapFS{}
	for _, name := range []string{"vocab.json", "merges.txt"} {
		b, err := os.ReadFile("testdata/clip/" + name)
		require.NoError(t, err)
		fsys["clip/"+name] = &fstest.MapFile{Data: b}
	}
	for name, data := range files {
		fsys["clip/"+name+".json"] = &fstest.MapFile{Data: data}
	}
	return fsys
}

// wholeFile is tokenizer.json of the vocabulary of testdata/clip, with the keys that matter as transformers saves
// them.
func wholeFile(t testing.TB, stringMerges bool) []byte {
	t.Helper()
	vocab, err := os.ReadFile("testdata/clip/vocab.json")
	require.NoError(t, err)
	c := open(t)
	merges := make([]any, len(c.merges))
	for p, m := range c.merges {
		left, right := c.tokens[int32(p>>32)], c.tokens[int32(uint32(p))]
		merges[m.rank] = []string{left, right}
		if stringMerges {
			merges[m.rank] = left + " " + right
		}
	}
	added := func(id int, content string) map[string]any {
		return map[string]any{"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
			"normalized": false, "special": true}
	}
	b, err := json.Marshal(map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil,
		"added_tokens":   []any{added(49406, "<|startoftext|>"), added(49407, "<|endoftext|>")},
		"post_processor": map[string]any{"type": "RobertaProcessing", "sep": []any{"<|endoftext|>", 49407}, "cls": []any{"<|startoftext|>", 49406}},
		"model": map[string]any{"type": "BPE", "dropout": nil, "unk_token": "<|endoftext|>", "continuing_subword_prefix": "",
			"end_of_word_suffix": "</w>", "fuse_unk": false, "vocab": json.RawMessage(vocab), "merges": merges},
	})
	require.NoError(t, err)
	return b
}

// TestConfigs: the small files say which tokens are special and how a text is filled up.
func TestConfigs(t *testing.T) {
	var configs map[string]struct {
		Files map[string]json.RawMessage
		Cases []struct {
			Text           string
			Tokens, Padded []int32
		}
	}
	load(t, "configs.json", &configs)
	require.Len(t, configs, 13)
	for name, x := range configs {
		t.Run(name, func(t *testing.T) {
			fsys := folder(t, x.Files)
			if x.Files["tokenizer"] != nil {
				fsys = folder(t, x.Files)
				fsys["clip/tokenizer.json"] = &fstest.MapFile{Data: wholeFile(t, name == "whole")}
				delete(fsys, "clip/vocab.json")
				delete(fsys, "clip/merges.txt")
			}
			c, err := Open(fsys, "clip")
			require.NoError(t, err)
			for _, x := range x.Cases {
				assert.Equal(t, x.Tokens, list(c.Tokens(x.Text)), "%q", x.Text)
				assert.Equal(t, x.Padded, c.Encode(x.Text), "%q", x.Text)
				assert.Equal(t, len(x.Tokens), c.Count(x.Text))
			}
		})
	}
}

// TestEveryCharacter: letters, digits, white space, case and composition are those of the reference.
func TestEveryCharacter(t *testing.T) {
	var sums []string
	load(t, "unicode.json", &sums)
	require.Len(t, sums, 0x110)
	c := open(t)
	for block, want := range sums {
		h := sha256.New()
		for r := rune(block << 12); r < rune(block+1)<<12; r++ {
			if r >= 0xd800 && r < 0xe000 {
				continue
			}
			var b []byte
			for _, id := range append(c.Tokens(fmt.Sprintf("a%cb", r)), -1) {
				b = binary.LittleEndian.AppendUint32(b, uint32(id))
			}
			h.Write(b)
		}
		assert.Equal(t, want, hex.EncodeToString(h.Sum(nil))[:16], "U+%X and the 4095 behind it", block<<12)
	}
}

func TestInvalidUTF8(t *testing.T) {
	var cases []struct {
		Hex    string
		Tokens []int32
	}
	load(t, "bytes.json", &cases)
	require.Greater(t, len(cases), 150)
	c := open(t)
	for _, x := range cases {
		b, err := hex.DecodeString(x.Hex)
		require.NoError(t, err)
		assert.Equal(t, x.Tokens, list(c.Tokens(string(b))), x.Hex)
	}
}

func TestTextMatchesTransformers(t *testing.T) {
	var cases []struct {
		Tokens []int32
		Text   string
	}
	load(t, "texts.json", &cases)
	require.Greater(t, len(cases), 200)
	c := open(t)
	for _, x := range cases {
		assert.Equal(t, x.Text, c.Text(x.Tokens), "%v", x.Tokens)
	}
}
