package tokenizer

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// charsmapOf encodes a map of an array and strings.
func charsmapOf(units []uint32, text string) string {
	data := binary.LittleEndian.AppendUint32(nil, uint32(4*len(units)))
	for _, u := range units {
		data = binary.LittleEndian.AppendUint32(data, u)
	}
	return base64.StdEncoding.EncodeToString(append(data, text...))
}

// oneKey is the array that maps "a" to a value at place 512: the root's children are at 256^byte.
func oneKey(value uint32) []uint32 {
	units := make([]uint32, 768)
	units[0] = 1 << 18
	at := uint32(256 ^ 'a')
	units[at] = 'a' | (at^512)<<10 | 1<<8
	units[512] = value
	return units
}

func model(unknown any, extra string, pieces ...string) string {
	return fmt.Sprintf(`{"type":"Unigram","unk_id":%v,"vocab":[%s]%s}`, unknown, strings.Join(pieces, ","), extra)
}

// TestUnigramRefuses: what a file must not hold is named.
func TestUnigramRefuses(t *testing.T) {
	precompiled := func(m string) string {
		return fmt.Sprintf(`{"type":"Precompiled","precompiled_charsmap":%q}`, m)
	}
	outside := oneKey(0)
	outside[256^'a'] = 'a' | 1<<20<<10
	long := strings.Repeat("x", 257)
	const replace, meta = `{"type":"Replace","pattern":{"String":"a"},"content":"b"}`, `{"type":"Metaspace"}`
	for _, x := range []struct{ key, value, at string }{
		{"model", `null`, "model"},
		{"model", `[]`, "model"},
		{"model", `{"type":"BPE"}`, "model.type"},
		{"model", `{"type":"Unigram","unk_id":0}`, "model.vocab"},
		{"model", model(0, ""), "model.vocab"},
		{"model", model("null", "", `["a",0]`), "model.unk_id"},
		{"model", model(-1, "", `["a",0]`), "model.unk_id"},
		{"model", model(1, "", `["a",0]`), "model.unk_id"},
		{"model", model(0.5, "", `["a",0]`), "model.unk_id"},
		{"model", model(0, `,"byte_fallback":1`, `["a",0]`), "model.byte_fallback"},
		{"model", model(0, "", `["a",0]`, `["b"]`), "model.vocab[1]"},
		{"model", model(0, "", `["a",0,0]`), "model.vocab[0]"},
		{"model", model(0, "", `["a","0"]`), "model.vocab[0]"},
		{"model", model(0, "", `["a",1e999]`), "model.vocab[0]"},
		{"model", model(0, "", `["a",null]`), "model.vocab[0]"},
		{"model", model(0, "", `[null,0]`), "model.vocab[0]"},
		{"model", model(0, "", `["`+long+`",0]`), "model.vocab[0]"},
		{"model", model(0, "", `["a",0]`), "added_tokens[0].id"},
		{"added_tokens", `[]`, ""},
		{"added_tokens", `{}`, "added_tokens"},
		{"added_tokens", `[1]`, "added_tokens[0]"},
		{"added_tokens", `[{"id":0}]`, "added_tokens[0].content"},
		{"added_tokens", `[{"id":7,"content":"<pad>"}]`, "added_tokens[0].id"},
		{"added_tokens", `[{"id":4000000000,"content":"new"}]`, "added_tokens[0].id"},
		{"added_tokens", `[{"id":0,"content":"<pad>","single_word":true}]`, "added_tokens[0].single_word"},
		{"added_tokens", `[{"id":0,"content":"<pad>","lstrip":1}]`, "added_tokens[0].lstrip"},
		{"added_tokens", `[{"id":0,"content":"` + long + `"}]`, "added_tokens[0].content"},
		{"normalizer", `{"type":"NFKC"}`, "normalizer.type"},
		{"normalizer", `{"type":"Sequence"}`, "normalizer.normalizers"},
		{"normalizer", `{"type":"Sequence","normalizers":[{"type":"Sequence","normalizers":[]}]}`, "normalizer.normalizers[0].type"},
		{"normalizer", `{"type":"Sequence","normalizers":[` + replace + "," + replace + "," + replace + `]}`, "normalizer.normalizers[2].type"},
		{"normalizer", `{"type":"Replace","pattern":{"Regex":".*"},"content":"b"}`, "normalizer.pattern.Regex"},
		{"normalizer", `{"type":"Replace","pattern":{"String":""},"content":"b"}`, "normalizer.pattern.String"},
		{"normalizer", `{"type":"Replace","pattern":{"String":"a"},"content":"` + long + `"}`, "normalizer.content"},
		{"normalizer", `{"type":"Replace","pattern":"a","content":"b"}`, "normalizer.pattern"},
		{"normalizer", `{"type":"Strip","strip_left":"yes"}`, "normalizer.strip_left"},
		{"normalizer", `{"type":"Precompiled"}`, "normalizer.precompiled_charsmap"},
		{"normalizer", precompiled("!"), "normalizer.precompiled_charsmap"},
		{"normalizer", precompiled(""), "normalizer.precompiled_charsmap"},
		{"normalizer", precompiled(charsmapOf(nil, "")), "normalizer.precompiled_charsmap"},
		{"normalizer", precompiled(base64.StdEncoding.EncodeToString([]byte("\xff\xff\xff\xff1234"))), "normalizer.precompiled_charsmap"},
		{"normalizer", precompiled(charsmapOf(oneKey(0), "")), "normalizer.precompiled_charsmap"},
		{"normalizer", precompiled(charsmapOf(oneKey(0), "b")), "normalizer.precompiled_charsmap"},
		{"normalizer", precompiled(charsmapOf(oneKey(0), "\xff\x00")), "normalizer.precompiled_charsmap"},
		{"normalizer", precompiled(charsmapOf(oneKey(1), "é\x00")), "normalizer.precompiled_charsmap"},
		{"normalizer", precompiled(charsmapOf(oneKey(2), "b\x00")), "normalizer.precompiled_charsmap"},
		{"normalizer", precompiled(charsmapOf(oneKey(0), long+"\x00")), "normalizer.precompiled_charsmap"},
		{"normalizer", precompiled(charsmapOf(outside, "b\x00")), "normalizer.precompiled_charsmap"},
		{"pre_tokenizer", `null`, "pre_tokenizer"},
		{"pre_tokenizer", `{"type":"ByteLevel"}`, "pre_tokenizer.type"},
		{"pre_tokenizer", `{"type":"WhitespaceSplit"}`, "pre_tokenizer.type"},
		{"pre_tokenizer", `{"type":"Sequence","pretokenizers":[` + meta + "," + meta + `]}`, "pre_tokenizer.pretokenizers[0].type"},
		{"pre_tokenizer", `{"type":"Sequence","pretokenizers":[]}`, "pre_tokenizer"},
		{"pre_tokenizer", `{"type":"Metaspace","replacement":"ab"}`, "pre_tokenizer.replacement"},
		{"pre_tokenizer", `{"type":"Metaspace","replacement":""}`, "pre_tokenizer.replacement"},
		{"pre_tokenizer", `{"type":"Metaspace","prepend_scheme":"last"}`, "pre_tokenizer.prepend_scheme"},
		{"pre_tokenizer", `{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","prepend_scheme":"first"}]}`,
			"pre_tokenizer.pretokenizers[1].prepend_scheme"},
		{"post_processor", `{"type":"BertProcessing"}`, "post_processor.type"},
		{"post_processor", `{"type":"TemplateProcessing"}`, "post_processor.single"},
		{"post_processor", `{"type":"TemplateProcessing","single":[]}`, "post_processor.single"},
		{"post_processor", `{"type":"TemplateProcessing","single":[{}]}`, "post_processor.single[0].SpecialToken"},
		{"post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}]}`, "post_processor.single[0].SpecialToken.id"},
		{"post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],"special_tokens":{"x":{"ids":[-1]}}}`,
			"post_processor.special_tokens.x.ids"},
		{"post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],"special_tokens":{"x":{"ids":[99999]}}}`,
			"post_processor.special_tokens.x.ids"},
	} {
		u, err := ParseUnigram("t.json", unigramFile(t, map[string]json.RawMessage{x.key: json.RawMessage(x.value)}))
		if x.at == "" { // "<pad>" is in the vocabulary
			require.NoError(t, err)
			continue
		}
		require.Nil(t, u, x.value)
		var e *FileError
		require.ErrorAs(t, err, &e, "%s", x.value)
		assert.Equal(t, x.at, e.Key, "%.100s", x.value)
		assert.Equal(t, "t.json", e.File)
	}
}

// TestUnigramDamaged: a damaged file is refused, or works without a panic.
func TestUnigramDamaged(t *testing.T) {
	good := unigramFile(t, nil)
	for n := 0; n < len(good); n += 9973 {
		_, err := ParseUnigram("t.json", good[:n])
		var e *FileError
		require.ErrorAs(t, err, &e, "the first %d bytes", n)
	}
	u := openUnigram(t)
	m := u.normalizers[0].(*charsmap)
	r := rand.New(rand.NewPCG(1, 1))
	refused := 0
	for range 60 {
		units := append([]uint32(nil), m.units...)
		for range 1 + r.IntN(8) {
			units[r.IntN(len(units))] ^= 1 << r.IntN(32)
		}
		c, err := parseCharsmap(&object{file: "t.json"}, charsmapOf(units, m.text))
		if err != nil {
			refused++
			var e *FileError
			require.ErrorAs(t, err, &e)
			continue
		}
		for x := rune(1); x < 0x20000; x += 3 {
			c.normalize(string(x) + "\u0301")
		}
	}
	assert.NotZero(t, refused)
	assert.Less(t, refused, 60)
}

// TestUnigramFiles: no file, and one that is too large.
func TestUnigramFiles(t *testing.T) {
	_, err := OpenUnigram(fstest.MapFS{}, "x")
	require.ErrorIs(t, err, fs.ErrNotExist)
	_, err = OpenUnigram(fstest.MapFS{"x/tokenizer.json": {Data: make([]byte, maxFile+1)}}, "x")
	var e *FileError
	require.ErrorAs(t, err, &e)
	_, err = ParseUnigram("t.json", make([]byte, maxFile+1))
	require.ErrorAs(t, err, &e)
	_, err = ParseUnigram("t.json", []byte(strings.Repeat(`{"model":`, 1<<20)))
	require.ErrorAs(t, err, &e)
}
