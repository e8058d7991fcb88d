package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// attendBFloat runs all work of a step in bfloat16, with blocks of the given group, 0 for its own choice.
func attendBFloat(s *attentionStep, heads, group int) []float32 {
	b, n := bfloatAttention(s.op, Shape{C: s.dim * heads, H: s.tokens, W: 1}, Shape{C: s.dim * heads, H: s.keys, W: 1}, 1, 1)
	b.q, b.k, b.v, b.y, b.scale, b.heads = s.q, s.k, s.v, s.y, s.scale, heads
	b.scratch = make([]float32, n+7)
	for i := range b.scratch {
		b.scratch[i] = float32(math.NaN()) // what was there must not matter
	}
	b.scratch = b.scratch[:n]
	b.lay(heads)
	clear(b.y)
	b.deal(heads, 1)
	if group > 0 {
		blocks := (s.tokens + lanes - 1) / lanes
		b.group, b.groups = group, (blocks+group-1)/group
		b.items = heads * b.groups
	}
	b.slots = 1
	for i := range heads {
		(*bfloatLayout)(b).Do(i)
	}
	b.Do(0)
	for _, v := range b.scratch[n:cap(b.scratch)] {
		if v == v {
			panic("written past the scratch")
		}
	}
	return append([]float32{}, b.y...)
}

// TestBFloat16Attention at lengths about the tile of keys and the groups of queries: near the formula in float64, and the
// same bits for every group.
func TestBFloat16Attention(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	const heads = 2
	for _, c := range []struct {
		dim, tokens, keys int
		causal            bool
	}{
		{4, 1, 1, false}, {5, 17, 127, false}, {12, 3, 128, false}, {8, 33, 129, false}, {40, 65, 300, false}, {64, 20, 31, false},
		{80, 18, 40, false}, {160, 16, 33, false}, {4, 128, 128, true}, {9, 129, 129, true}, {16, 150, 150, true}, {8, 257, 257, true},
	} {
		s := newAttention(rng, c.dim, heads, c.tokens, c.keys, 1)
		s.op.Heads, s.op.Causal = heads, c.causal
		want := attend(s, heads, 0)
		var first []float32
		for group := range queryGroup + 1 {
			got := attendBFloat(s, heads, group)
			require.LessOrEqual(t, maxDiff(want, got), 2e-2*scaleOf(want), "%+v", c)
			if first == nil {
				first = got
			}
			sameBits(t, first, got, "%+v group %d", c, group)
		}
	}
}

// TestBFloat16AttentionNaN: a NaN in a query spoils that query alone, one in a value its channel, one in a key the head.
func TestBFloat16AttentionNaN(t *testing.T) {
	const dim, heads, tokens, keys = 8, 2, 37, 200
	nan := float32(math.NaN())
	for name, c := range map[string]struct {
		spoil func(s *attentionStep)
		want  func(c, r int) bool
	}{
		"query": {func(s *attentionStep) { s.q[3*tokens+20] = nan }, func(c, r int) bool { return c < dim && r == 20 }},
		"key":   {func(s *attentionStep) { s.k[dim*keys+150] = nan }, func(c, _ int) bool { return c >= dim }},
		"value": {func(s *attentionStep) { s.v[5*keys+199] = nan }, func(c, _ int) bool { return c == 5 }},
	} {
		s := newAttention(rand.New(rand.NewPCG(9, 10)), dim, heads, tokens, keys, 1)
		s.op.Heads = heads
		c.spoil(s)
		for i, v := range attendBFloat(s, heads, 0) {
			require.Equal(t, c.want(i/tokens, i%tokens), v != v, "%s: element %d", name, i)
		}
	}
}
