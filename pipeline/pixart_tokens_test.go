package pipeline

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cudiffuse/cudiffuse/gpu"
	"github.com/cudiffuse/cudiffuse/model"
	"github.com/cudiffuse/cudiffuse/sampler"
)

// TestSameTokens: a text that is repeated as a whole is the same to the network, one that is cut off is not; the bound is
// that of the least common multiple.
func TestSameTokens(t *testing.T) {
	p, err := OpenText("testdata/pixart_sigma", Options{Threads: 1})
	require.NoError(t, err)
	defer p.Close()
	j, err := p.resolve(TextRequest{Prompt: "a photo of a cat", Negative: "blurry house"})
	require.NoError(t, err)
	conds, err := p.encodePixArt(context.Background(), j)
	require.NoError(t, err)
	require.Equal(t, []int{6, 3}, []int{conds[0].Tokens, conds[1].Tokens})
	conds[0].Tokens, conds[0].Data = 4, conds[0].Data[:4*20]
	forward := func(conds ...*model.TextEmbedding) []float32 {
		m, err := p.joint.denoiser(8, 8, nil)
		require.NoError(t, err)
		x := make(gpu.HostBuffer, 2*4*8*8)
		gpu.Normals(x, 1, 0, 0)
		out := make(gpu.HostBuffer, len(x))
		require.NoError(t, m.Forward(context.Background(), &sampler.Eval{Elems: 4 * 8 * 8, Active: []int{0, 1}, In: x,
			T: gpu.HostBuffer{500, 500}, Out: out, Conds: []sampler.Cond{conds[0], conds[1]}}))
		return out
	}
	same := []*model.TextEmbedding{{}, {}}
	*same[0], *same[1] = *conds[0], *conds[1]
	require.NoError(t, sameTokens(same, 20))
	require.Equal(t, []int{12, 12}, []int{same[0].Tokens, same[1].Tokens})
	want := forward(conds...)
	require.InDeltaSlice(t, want, forward(same...), 1e-6)
	same[0].Tokens, same[0].Data = 10, same[0].Data[:10*20]
	require.Greater(t, largest(want, forward(same...)), float32(1e-4))

	long := []*model.TextEmbedding{{Tokens: 100, Data: make([]float32, 2000)}, {Tokens: 101, Data: make([]float32, 2020)}}
	var request *RequestError
	require.ErrorAs(t, sameTokens(long, 20), &request)
	require.Equal(t, "negative", request.Field)
}

// largest is the largest difference.
func largest(a, b []float32) float32 {
	var most float32
	for i := range a {
		most = max(most, a[i]-b[i], b[i]-a[i])
	}
	return most
}
