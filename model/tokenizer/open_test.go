package tokenizer

import (
	"encoding/json"
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBadFiles(t *testing.T) {
	for _, c := range []struct{ file, data, key, want string }{
		{"vocab.json", "", "", "wanted a JSON object, found none"},
		{"vocab.json", "[1]", "", "wanted a JSON object, found [1]"},
		{"vocab.json", "{}", "", "wanted tokens, found none"},
		{"vocab.json", `{"a": 1`, "", "found no end of it"},
		{"vocab.json", `{"a": 1} {}`, "", "found more behind it"},
		{"vocab.json", `{"a": "b"}`, `"a"`, "wanted a number of 0..1048575, found b"},
		{"vocab.json", `{"a": {"b": 1}}`, `"a"`, "wanted a number of 0..1048575, found {"},
		{"vocab.json", `{"a": null}`, `"a"`, "found <nil>"},
		{"vocab.json", `{"a": -1}`, `"a"`, "found -1"},
		{"vocab.json", `{"a": 1.5}`, `"a"`, "found 1.5"},
		{"vocab.json", `{"a": 1e300}`, `"a"`, "found 1e+300"},
		{"vocab.json", `{"a": 1, "b": 1}`, `"b"`, `wanted a number of its own, found 1, which is "a"'s`},
		{"vocab.json", `{"a": 1, "a": 2}`, `"a"`, "wanted one, found two"},
		{"vocab.json", `{"a": 1048576}`, `"a"`, "found 1.048576e+06"},
		{"merges.txt", "a b c", "line 1", `wanted two symbols, found "a b c"`},
		{"merges.txt", "#version\nab", "line 2", `wanted two symbols, found "ab"`},
		{"merges.txt", "a zzz", "line 1", `wanted tokens of the vocabulary, found "zzz"`},
		{"merges.txt", "a zz</w>", "line 1", "wanted tokens of the vocabulary"},
		{"merges.txt", "a n\na n", "line 2", `wanted one merge of "a n", found two`},
		{"merges.txt", strings.Repeat("x", maxFile+1), "", "wanted at most 16777216 bytes, found 16777217"},
		{"tokenizer_config.json", "[]", "", "wanted a JSON object"},
		{"tokenizer_config.json", `{"a": 1, "a": 1}`, "a", "wanted one, found two"},
		{"tokenizer_config.json", `{"model_max_length": 2}`, "model_max_length", "wanted 3..4096, found 2"},
		{"tokenizer_config.json", `{"model_max_length": 99999}`, "model_max_length", "found 99999"},
		{"tokenizer_config.json", `{"model_max_length": 7.5}`, "model_max_length", "found 7.5"},
		{"tokenizer_config.json", `{"model_max_length": "many"}`, "model_max_length", `wanted a number, found "many"`},
		{"tokenizer_config.json", `{"tokenizer_class": "T5Tokenizer"}`, "tokenizer_class", `wanted "CLIPTokenizer" or`},
		{"tokenizer_config.json", `{"padding_side": "left"}`, "padding_side", `wanted "right", found "left"`},
		{"tokenizer_config.json", `{"pad_token": 7}`, "pad_token", "wanted a token: a string"},
		{"tokenizer_config.json", `{"pad_token": ""}`, "pad_token", "wanted a token of 1..256 bytes, found 0"},
		{"tokenizer_config.json", `{"pad_token": {"content": "!", "single_word": true}}`, "pad_token.single_word", "wanted false"},
		{"tokenizer_config.json", `{"additional_special_tokens": 3}`, "additional_special_tokens", "wanted an array of tokens, found 3"},
		{"tokenizer_config.json", `{"additional_special_tokens": ["a", 3]}`, "additional_special_tokens[1]", "wanted a token"},
		{"tokenizer_config.json", `{"added_tokens_decoder": {"x": "!"}}`, `added_tokens_decoder."x"`, "wanted a number of 0..1048575"},
		{"tokenizer_config.json", `{"added_tokens_decoder": {"5": 5}}`, "added_tokens_decoder.5", "wanted a token"},
		{"added_tokens.json", `{"new": "x"}`, "new", "wanted a number"},
		{"added_tokens.json", `{"new": -5}`, "new", "found -5"},
		{"added_tokens.json", `{"new": 50000, "old": 50000}`, "old", "wanted a number of its own"},
		{"special_tokens_map.json", `{"eos_token": []}`, "eos_token", "wanted a token"},
		{"tokenizer.json", `{}`, "model", "wanted an object, found none"},
		{"tokenizer.json", `{"model": {"type": "Unigram"}}`, "model.type", `wanted "BPE", found "Unigram"`},
		{"tokenizer.json", `{"model": {"type": "BPE"}}`, "model.end_of_word_suffix", `wanted "</w>", found ""`},
		{"tokenizer.json", `{"model": {"end_of_word_suffix": "</w>"}}`, "model.vocab", "wanted a JSON object"},
		{"tokenizer.json", `{"model": {"end_of_word_suffix": "</w>", "vocab": {"a": 1, "b": true}}}`, `model.vocab."b"`, "found true"},
		{"tokenizer.json", `{"model": {"end_of_word_suffix": "</w>", "vocab": {"a": 1}}}`, "model.merges", "wanted an array"},
		{"tokenizer.json", `{"model": {"end_of_word_suffix": "</w>", "vocab": {"a": 1}, "merges": ["a"]}}`, "model.merges[0]", "wanted two symbols"},
		{"tokenizer.json", `{"model": {"end_of_word_suffix": "</w>", "vocab": {"a": 1}, "merges": [["a", 1]]}}`, "model.merges[0]", "wanted two symbols"},
		{"tokenizer.json", `{"model": {"end_of_word_suffix": "</w>", "vocab": {"a": 1}, "merges": ["a a"]}}`, "model.merges[0]", `found "aa"`},
	} {
		fsys := folder(t, nil)
		fsys["clip/"+c.file] = &fstest.MapFile{Data: []byte(c.data)}
		_, err := Open(fsys, "clip")
		var e *FileError
		require.ErrorAs(t, err, &e, "%s %.60q", c.file, c.data)
		assert.Equal(t, "clip/"+c.file, e.File, "%.60q", c.data)
		assert.Equal(t, c.key, e.Key, "%.60q", c.data)
		assert.ErrorContains(t, err, c.want)
		assert.Less(t, len(err.Error()), 400)
	}
	_, err := Open(fstest.MapFS{}, "clip")
	require.ErrorIs(t, err, fs.ErrNotExist)
	assert.EqualError(t, err, "tokenizer: clip/vocab.json: cannot be opened: open clip/vocab.json: file does not exist")
}

// TestTokensThatAreNotThere: what the small files name is missed in the vocabulary, or is there as another number.
func TestTokensThatAreNotThere(t *testing.T) {
	for _, c := range []struct{ file, data, key, want string }{
		{"tokenizer_config", `{"eos_token": "<nope>"}`, "eos_token", `wanted the token "<nope>", found none`},
		{"special_tokens_map", `{"pad_token": {"content": "[PAD]"}}`, "pad_token", `wanted the token "[PAD]"`},
		{"added_tokens", `{"cat</w>": 50000}`, `"cat</w>"`, "wanted 50000, found 2368"},
		{"tokenizer_config", `{"added_tokens_decoder": {"320": {"content": "new"}}}`, `"a</w>"`, `wanted "new" at 320, found "a</w>"`},
	} {
		_, err := Open(folder(t, map[string]json.RawMessage{c.file: []byte(c.data)}), "clip")
		var e *FileError
		require.ErrorAs(t, err, &e, c.data)
		assert.Equal(t, "clip/vocab.json", e.File)
		assert.Equal(t, c.key, e.Key)
		assert.ErrorContains(t, err, c.want)
	}
}

func TestWholeFileThatDisagrees(t *testing.T) {
	whole := func(old, new string) error {
		b := strings.Replace(string(wholeFile(t, false)), old, new, 1)
		require.Contains(t, b, new)
		_, err := Open(fstest.MapFS{"clip/tokenizer.json": &fstest.MapFile{Data: []byte(b)}}, "clip")
		return err
	}
	require.NoError(t, whole("RobertaProcessing", "RobertaProcessing"))
	for _, c := range []struct{ old, new, key, want string }{
		{"RobertaProcessing", "Sequence", "post_processor.type", `wanted "RobertaProcessing", found "Sequence"`},
		{`"\u003c|endoftext|\u003e",49407]`, `"a",49407]`, "post_processor.sep", `wanted ["<|endoftext|>", 49407], found ["a",49407]`},
		{`"\u003c|startoftext|\u003e",49406]`, `"\u003c|startoftext|\u003e",1]`, "post_processor.cls", "wanted"},
		{`"id":49406`, `"id":"x"`, "added_tokens[0]", "wanted an id"},
		{`"id":49406`, `"no":1`, "added_tokens[0]", "wanted an id"},
		{`"id":49406`, `"id":49407`, "added_tokens[1]", "wanted a number of its own"},
	} {
		err := whole(c.old, c.new)
		var e *FileError
		require.ErrorAs(t, err, &e, c.new)
		assert.Equal(t, c.key, e.Key)
		assert.ErrorContains(t, err, c.want)
	}
}

// FuzzOpen: no file makes Open panic, and what opens can be used.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(`{"a": 1, "a</w>": 2, "aa</w>": 3, "<|startoftext|>": 4, "<|endoftext|>": 5}`), []byte("a a</w>\n"), []byte(`{"pad_token": "a"}`), false)
	f.Add([]byte(`{"model": {"type": "BPE", "end_of_word_suffix": "</w>", "vocab": {"a": 1, "<|startoftext|>": 4, "<|endoftext|>": 5},`+
		` "merges": []}, "added_tokens": [{"id": 9, "content": "x"}]}`), []byte(""), []byte(`{"model_max_length": 9}`), true)
	f.Fuzz(func(t *testing.T, vocab, merges, config []byte, whole bool) {
		fsys := fstest.MapFS{"tokenizer_config.json": &fstest.MapFile{Data: config}}
		if whole {
			fsys["tokenizer.json"] = &fstest.MapFile{Data: vocab}
			fsys["special_tokens_map.json"] = &fstest.MapFile{Data: merges}
		} else {
			fsys["vocab.json"] = &fstest.MapFile{Data: vocab}
			fsys["merges.txt"] = &fstest.MapFile{Data: merges}
		}
		c, err := Open(fsys, ".")
		if err != nil {
			if e := (*FileError)(nil); !errors.As(err, &e) {
				t.Fatalf("%T: %v", err, err)
			}
			return
		}
		if n := len(c.Encode("a photo of a cat <x> \xff")); n != c.Length() {
			t.Fatalf("%d tokens", n)
		}
		c.Text(c.Encode("aaa"))
	})
}
