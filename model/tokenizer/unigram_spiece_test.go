package tokenizer

import (
	"encoding/json"
	"os"
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
	for name, data := range map[string]string{
		"no pieces": "", "a field of type 3": "\x0b", "no number": "\x02\x00", "type 2": "\x12\x02\x18\x02",
		"not UTF-8": "\x0a\x03\x0a\x01\xff", "score": "\x0a\x08\x0a\x01a\x15\x00\x00\xc0\x7f", "only a": "\x0a\x03\x0a\x01a",
	} {
		_, err := parseSpiece("f", []byte(data))
		var file *FileError
		require.ErrorAs(t, err, &file, name)
	}
}

// FuzzSpiece reads what is no model of SentencePiece.
func FuzzSpiece(f *testing.F) {
	whole, err := os.ReadFile("testdata/spiece/spiece.model")
	require.NoError(f, err)
	f.Add(whole)
	f.Add([]byte("\x0a\x03\x0a\x01a"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if u, err := parseSpiece("f", data); err == nil {
			u.Encode("a photo of a cat", 20)
		}
	})
}
