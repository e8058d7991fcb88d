package tokenizer

import (
	"encoding/binary"
	"encoding/json"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

// TestSpiece holds the tokens of a spiece.model against transformers' T5Tokenizer.
func TestSpiece(t *testing.T) {
	u, err := OpenUnigram(os.DirFS("testdata"), "spiece")
	require.NoError(t, err)
	b, err := os.ReadFile("testdata/spiece/cases.json")
	require.NoError(t, err)
	var cases []struct {
		Text string
		IDs  []int32
	}
	require.NoError(t, json.Unmarshal(b, &cases))
	require.Greater(t, len(cases), 40)
	for _, c := range cases {
		ids, n := u.Encode(c.Text, 1000)
		require.Equal(t, c.IDs, ids[:n], "%q", c.Text)
	}
	id, ok := u.ID("<extra_id_0>")
	require.True(t, ok)
	require.EqualValues(t, 399, id)
	require.Zero(t, u.Pad())
}

// TestSpiecePlace: the file says nothing of the machine it was made on.
func TestSpiecePlace(t *testing.T) {
	b, err := os.ReadFile("testdata/spiece/spiece.model")
	require.NoError(t, err)
	require.Contains(t, string(b), "\x0a\x11unigram/train.txt\x12\x0dspiece/spiece")
	require.NotContains(t, string(b), "tmp")
	require.Contains(t, string(b), "\x32\x10spiece/rules.tsv")
}

// TestSpieceHostile: files that are cut off or damaged are refused or read, and nothing else.
func TestSpieceHostile(t *testing.T) {
	whole, err := os.ReadFile("testdata/spiece/spiece.model")
	require.NoError(t, err)
	refused := 0
	try := func(data []byte) {
		_, err := OpenUnigram(fstest.MapFS{spieceFile: &fstest.MapFile{Data: data}}, ".")
		if err != nil {
			var file *FileError
			require.ErrorAs(t, err, &file)
			require.Equal(t, spieceFile, file.File)
			refused++
		}
	}
	for n := 0; n < len(whole); n += 37 {
		try(whole[:n])
		damaged := append([]byte(nil), whole...)
		damaged[n] ^= 0xff
		try(damaged)
	}
	require.Greater(t, refused, 100)
	_, err = OpenUnigram(fstest.MapFS{}, ".")
	require.ErrorContains(t, err, "tokenizer.json")
}

// message and varint are fields of a protocol buffer.
func message(field int, parts ...string) string {
	b := strings.Join(parts, "")
	return string(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field)<<3|wireBytes), uint64(len(b)))) + b
}

func varint(field int, v uint64) string {
	return string(binary.AppendUvarint(binary.AppendUvarint(nil, uint64(field)<<3|wireVarint), v))
}

// piece is one of a model.
func piece(name string, kind uint64, more ...string) string {
	return message(1, append([]string{message(1, name), "\x15\x00\x00\x80\xbf", varint(3, kind)}, more...)...)
}

// fewPieces is the least model that is read.
var fewPieces = piece("<pad>", pieceControl) + piece("</s>", pieceControl) + piece("<unk>", pieceUnknown)

// TestSpieceSettings: what a file may say, and what is refused by name.
func TestSpieceSettings(t *testing.T) {
	var trainer, normalizer []string
	for _, s := range spieceSettings {
		if s.message == 2 {
			trainer = append(trainer, varint(s.field, s.wanted))
		} else {
			normalizer = append(normalizer, varint(s.field, s.wanted))
		}
	}
	said := message(2, trainer...) + message(3, append(normalizer, message(1, "identity"))...)
	u, err := parseSpiece("f", []byte(fewPieces+piece("a", pieceNormal)+piece("▁a", pieceUnused)+piece("aa", pieceUser)+said+message(9, "?")))
	require.NoError(t, err)
	require.Equal(t, []int32{5, 4}, u.Tokens("aaa")) // the user-defined piece first, then an unused one as any other
	for _, c := range []struct{ data, key, wanted, found string }{
		{fewPieces + message(2, varint(3, 2)), "trainer_spec.model_type", "1, unigram", "2"},
		{fewPieces + message(2, varint(24, 1)), "trainer_spec.treat_whitespace_as_suffix", "false", "true"},
		{fewPieces + message(2, varint(35, 2)), "trainer_spec.byte_fallback", "false", "true"},
		{fewPieces + message(2, varint(40, 0)), "trainer_spec.unk_id", "2", "0"},
		{fewPieces + message(2, varint(40, 1<<64-1)), "trainer_spec.unk_id", "2", "-1"},
		{fewPieces + message(3, varint(3, 0)), "normalizer_spec.add_dummy_prefix", "true", "false"},
		{fewPieces + message(3, varint(4, 0)), "normalizer_spec.remove_extra_whitespaces", "true", "false"},
		{fewPieces + message(3, varint(5, 0)), "normalizer_spec.escape_whitespaces", "true", "false"},
		{fewPieces + message(3, message(1, "nmt_nfkc")), "normalizer_spec.precompiled_charsmap", `the map of the rule "nmt_nfkc"`, "none"},
		{piece("<pad>", 3) + piece("<s>", 3) + piece("<unk>", 2), "pieces", `"</s>"`, "none of this name"},
		{piece("<pad>", 3) + piece("</s>", 3) + piece("?", 2), "pieces", `"<unk>" as piece 2`, "none of this name"},
		{piece("<pad>", 3) + piece("</s>", 3) + piece("?", 2) + piece("<unk>", 1), "pieces", `"<unk>" as piece 2`, "piece 3"},
		{piece("</s>", 3) + piece("<s>", 3) + piece("<unk>", 2), "added_tokens", `"<pad>"`, "none of this name"},
		{"", "pieces", `"<unk>" as piece 2`, "none of this name"},
	} {
		_, err := parseSpiece("f", []byte(c.data))
		require.Equal(t, &FileError{File: "f", Key: c.key, Wanted: c.wanted, Found: c.found}, err)
	}
}

// TestSpiecePieces: pieces and encodings that are refused.
func TestSpiecePieces(t *testing.T) {
	for _, c := range []struct{ data, found string }{
		{piece("<unk>", 2), `piece 0: "<unk>" of type 2; the unknown piece, of type 2, must be piece 2`},
		{piece("<pad>", 3) + piece("</s>", 3) + piece("<unk>", 1), `piece 2: "<unk>" of type 1; the unknown`},
		{fewPieces + piece("<0x00>", pieceByte), `piece 3: "<0x00>" of type 6, a byte`},
		{fewPieces + piece("a", 7), `piece 3: "a" of type 7, not 1..5`},
		{fewPieces + piece("a", 0), `piece 3: "a" of type 0, not 1..5`},
		{fewPieces + piece("</s>", 1), `piece 3: "</s>" a second time`},
		{fewPieces + piece("<extra_id_7>", 4), `piece 3: "<extra_id_7>", which the tokenizer adds itself`},
		{fewPieces + piece("", 1), `piece 3: "", not 1..256 bytes`},
		{fewPieces + message(1), `piece 3: no name`},
		{fewPieces + piece(strings.Repeat("a", maxPiece+1), 1), `not 1..256 bytes`},
		{fewPieces + piece("\xff", 1), `not 1..256 bytes of UTF-8`},
		{fewPieces + piece("a", 1, varint(1, 3)), "piece 3: field 1 of type 0, not 2"},
		{fewPieces + piece("a", 1, varint(2, 3)), "piece 3: field 2 of type 0, not 5"},
		{fewPieces + piece("a", 1, message(3, "b")), "piece 3: field 3 of type 2, not 0"},
		{fewPieces + varint(1, 3), "field 1 of type 0, not 2"},
		{fewPieces + message(2, message(35, "1")), "trainer_spec: field 35 of type 2, not 0"},
		{fewPieces + message(3, varint(2, 1)), "normalizer_spec: field 2 of type 0, not 2"},
		{"\x0b", "a field of type 3"}, {"\x02\x00", "a field without a number"}, {"\x0a\x05a", "ends within a field"},
		{"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "ends within a field"},
		{"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "ends within a field"},
		{fewPieces + piece("a", 1, "\x15\x00\x00\xc0\x7f"), "NaN"},
	} {
		_, err := parseSpiece("f", []byte(c.data))
		var file *FileError
		require.ErrorAs(t, err, &file, c.found)
		require.Contains(t, file.Found, c.found)
	}
}

// TestUnigramFolder: a tokenizer.json goes before a spiece.model, even a wrong one.
func TestUnigramFolder(t *testing.T) {
	own := &fstest.MapFile{Data: []byte(fewPieces)}
	whole, err := os.ReadFile("testdata/unigram/tokenizer.json")
	require.NoError(t, err)
	u, err := OpenUnigram(fstest.MapFS{"t/spiece.model": own}, "t")
	require.NoError(t, err)
	require.Len(t, u.names, 3+extraIDs)
	u, err = OpenUnigram(fstest.MapFS{"t/spiece.model": own, "t/tokenizer.json": {Data: whole}}, "t")
	require.NoError(t, err)
	require.Greater(t, len(u.names), 800)
	_, err = OpenUnigram(fstest.MapFS{"t/spiece.model": own, "t/tokenizer.json": {Data: []byte("{}")}}, "t")
	require.ErrorContains(t, err, "t/tokenizer.json: model")
}

// FuzzSpiece reads what is no model of SentencePiece.
func FuzzSpiece(f *testing.F) {
	whole, err := os.ReadFile("testdata/spiece/spiece.model")
	require.NoError(f, err)
	f.Add(whole)
	f.Add([]byte(fewPieces + piece("a", pieceUser)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if u, err := parseSpiece("f", data); err == nil {
			u.Encode("a photo of a cat", 20)
		}
	})
}
