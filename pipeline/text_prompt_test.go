package pipeline

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPromptChunks: the condition of a text with a break is that of its halves one after another, each as it is
// encoded alone, the shorter prompt filled up with the empty text's, and the pooled vector is the first half's.
func TestPromptChunks(t *testing.T) {
	for _, folder := range []string{"sd15", "sd21", "sdxl"} {
		p, err := OpenText("testdata/"+folder, Options{Threads: 2})
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, p.Close()) })
		encode := func(syntax, text, negative string) (data, pooled [2][]float32) {
			j, err := p.resolve(TextRequest{Prompt: text, Negative: negative, Syntax: syntax, Guidance: 3})
			require.NoError(t, err)
			conds, err := p.encode(t.Context(), j)
			require.NoError(t, err)
			for i, c := range conds {
				require.Len(t, c.Data, c.Tokens*p.unet.ContextDim())
				data[i], pooled[i] = c.Data, c.Pooled
			}
			return data, pooled
		}
		halves, pool := encode("", "a photo of a cat", "in the old castle")
		empty, emptyPool := encode("", "", strings.Repeat("a ", 75))
		got, gotPool := encode(SyntaxA1111, "a photo of a cat BREAK in the old castle", "")
		require.Equal(t, append(halves[0][:len(halves[0]):len(halves[0])], halves[1]...), got[0])
		require.Equal(t, append(empty[0][:len(empty[0]):len(empty[0])], empty[0]...), got[1])
		require.Equal(t, [2][]float32{pool[0], emptyPool[0]}, gotPool)

		// A negative prompt of three chunks, without a comma: 75, 75, and what is left.
		got, gotPool = encode(SyntaxA1111, "in the old castle", strings.Repeat("a ", 150)+"BREAK a photo of a cat")
		require.Equal(t, append(append(empty[1][:len(empty[1]):len(empty[1])], empty[1]...), halves[0]...), got[1])
		require.Equal(t, halves[1], got[0][:len(halves[1])])
		require.Equal(t, [2][]float32{pool[1], emptyPool[1]}, gotPool)
	}
}

// TestPromptWeights: the weights act on the tokens of the word alone but for the factor that restores the mean,
// by the formula of A1111's emphasis "Original", computed here in float64.
func TestPromptWeights(t *testing.T) {
	p, err := OpenText("testdata/sd15", Options{Threads: 2})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	encode := func(text string) []float32 {
		j, err := p.resolve(TextRequest{Prompt: text, Guidance: 1, Syntax: SyntaxA1111})
		require.NoError(t, err)
		conds, err := p.encode(t.Context(), j)
		require.NoError(t, err)
		require.Len(t, conds, 1)
		return conds[0].Data
	}
	plain, got := encode("a cat a"), encode("a (cat:1.5) a")
	tokens := p.texts[0].tokens
	first := 1 + tokens.Count("a") // after the start
	last := first + tokens.Count("cat")
	dim := p.unet.ContextDim()
	want := make([]float64, len(plain))
	var before, after float64
	for i, x := range plain {
		want[i] = float64(x)
		if k := i / dim; k >= first && k < last {
			want[i] *= 1.5
		}
		before += float64(x)
		after += want[i]
	}
	for i := range want {
		require.InDelta(t, want[i]*before/after, got[i], 1e-5, i)
	}

	// In a second chunk the same; the first is as it is alone, since each has a mean of its own.
	both := encode("in the old castle BREAK a (cat:1.5) a")
	require.Equal(t, encode("in the old castle"), both[:len(got)])
	require.Equal(t, got, both[len(got):])
}
