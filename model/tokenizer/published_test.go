package tokenizer

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// publishedMerges is merges.txt of CLIP.
func publishedMerges(t *testing.T) []byte {
	t.Helper()
	f, err := os.Open("testdata/published/merges.txt.gz")
	require.NoError(t, err)
	defer f.Close()
	r, err := gzip.NewReader(f)
	require.NoError(t, err)
	b, err := io.ReadAll(r)
	require.NoError(t, err)
	return b
}

// publishedLines are the merges of merges.txt.
func publishedLines(merges []byte) []string {
	return strings.Split(strings.TrimSuffix(string(merges), "\n"), "\n")[1:]
}

// publishedVocabulary is vocab.json of CLIP: bytes, bytes that end a word, merges, and the special tokens.
func publishedVocabulary(t *testing.T, merges []byte) []byte {
	t.Helper()
	var words []string
	for _, r := range [][2]int{{'!', '~' + 1}, {0xa1, 0xad}, {0xae, 0x100}, {0x100, 0x100 + 68}} {
		for c := r[0]; c < r[1]; c++ {
			words = append(words, string(rune(c)))
		}
	}
	require.Len(t, words, 256)
	for _, w := range words[:256:256] {
		words = append(words, w+"</w>")
	}
	for _, line := range publishedLines(merges) {
		words = append(words, strings.ReplaceAll(line, " ", ""))
	}
	words = append(words, "<|startoftext|>", "<|endoftext|>")
	ids := map[string]int{}
	for i, w := range words {
		ids[w] = i
	}
	require.Len(t, ids, 49408)
	b, err := json.Marshal(ids)
	require.NoError(t, err)
	return b
}

// publishedFolder is the folder of a tokenizer of a published model, such as "sdxl/tokenizer_2".
func publishedFolder(t *testing.T, name string, merges, vocabulary []byte) fstest.MapFS {
	t.Helper()
	model, part, _ := strings.Cut(name, "/")
	b, err := os.ReadFile("../testdata/published/" + model + ".json")
	require.NoError(t, err)
	var files map[string]json.RawMessage
	require.NoError(t, json.Unmarshal(b, &files))
	fsys := fstest.MapFS{part + "/merges.txt": {Data: merges}, part + "/vocab.json": {Data: vocabulary}}
	for _, f := range []string{"/tokenizer_config.json", "/special_tokens_map.json"} {
		require.NotEmpty(t, files[part+f], name)
		fsys[part+f] = &fstest.MapFile{Data: files[part+f]}
	}
	return fsys
}

// TestPublishedFolders opens the tokenizers of published models, with the whole vocabulary and their own small files,
// and compares with transformers.
func TestPublishedFolders(t *testing.T) {
	var models map[string]struct {
		Pad        int32
		Vocabulary int
		Cases      []struct {
			Text           string
			Tokens, Padded []int32
		}
	}
	load(t, "published/models.json", &models)
	require.Len(t, models, 13)
	merges := publishedMerges(t)
	vocabulary := publishedVocabulary(t, merges)
	for name, m := range models {
		t.Run(name, func(t *testing.T) {
			_, part, _ := strings.Cut(name, "/")
			c, err := Open(publishedFolder(t, name, merges, vocabulary), part)
			require.NoError(t, err)
			assert.Len(t, c.tokens, m.Vocabulary)
			assert.Equal(t, m.Pad, c.Pad())
			assert.Equal(t, 77, c.Length())
			assert.Equal(t, [2]int32{49406, 49407}, [2]int32{c.Start(), c.End()})
			require.NotEmpty(t, m.Cases)
			for _, x := range m.Cases {
				assert.Equal(t, x.Tokens, list(c.Tokens(x.Text)), "%q", x.Text)
				assert.Equal(t, x.Padded, c.Encode(x.Text), "%q", x.Text)
				assert.Equal(t, len(x.Tokens), c.Count(x.Text), "%q", x.Text)
			}
		})
	}
}

// TestPublishedWords compares the tokens of every word of the vocabulary, 500 to a text.
func TestPublishedWords(t *testing.T) {
	var want []string
	load(t, "published/words.json", &want)
	merges := publishedMerges(t)
	c, err := Open(publishedFolder(t, "sd15/tokenizer", merges, publishedVocabulary(t, merges)), "tokenizer")
	require.NoError(t, err)
	lines, n := publishedLines(merges), 0
	require.Len(t, lines, 48894)
	for i := 0; i < len(lines); i += 500 {
		var text strings.Builder
		for _, line := range lines[i:min(i+500, len(lines))] {
			text.WriteString(strings.ReplaceAll(strings.ReplaceAll(line, " ", ""), "</w>", " "))
		}
		var b bytes.Buffer
		require.NoError(t, binary.Write(&b, binary.LittleEndian, c.Tokens(text.String())))
		sum := sha256.Sum256(b.Bytes())
		require.Less(t, n, len(want))
		assert.Equal(t, want[n], hex.EncodeToString(sum[:]), fmt.Sprintf("merges %d to %d", i, i+500))
		n++
	}
	require.Len(t, want, n)
}
