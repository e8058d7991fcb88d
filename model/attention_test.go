package model

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// attend runs all work of a step with blocks of the given group and returns its result.
func attend(s *attentionStep, heads, group int) []float32 {
	clear(s.y)
	s.deal(heads, 1)
	if group > 0 {
		blocks := (s.tokens + lanes - 1) / lanes
		s.group, s.groups = group, (blocks+group-1)/group
		s.items = heads * s.groups
	}
	for i := range s.items {
		s.item(s.scratch, i/s.groups, i%s.groups*s.group*lanes)
	}
	return append([]float32{}, s.y...)
}

// TestAttentionTiles at lengths about the tile of keys and the groups of queries: against the
// formula in float64, and the same bits with and without assembly and for every group.
func TestAttentionTiles(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 10))
	const heads = 2
	for _, c := range []struct {
		dim, tokens, keys int
		causal            bool
	}{
		{4, 1, 1, false}, {5, 17, 127, false}, {12, 3, 128, false}, {8, 33, 129, false}, {40, 65, 300, false},
		{4, 128, 128, true}, {9, 129, 129, true}, {16, 150, 150, true}, {8, 257, 257, true},
	} {
		s := newAttention(rng, c.dim, heads, c.tokens, c.keys, 1)
		s.op.Causal = c.causal
		for i := range s.k { // later keys score higher, so that the greatest score moves
			s.k[i] *= 1 + float32(i%c.keys)/64
		}
		want := make([]float64, len(s.y))
		for i := range want {
			head, r := i/(c.dim*c.tokens), i%c.tokens
			keys := c.keys
			if c.causal {
				keys = r + 1
			}
			score, top := make([]float64, keys), math.Inf(-1)
			for j := range score {
				for d := range c.dim {
					score[j] += float64(s.q[(head*c.dim+d)*c.tokens+r]) * float64(s.k[(head*c.dim+d)*c.keys+j])
				}
				top = max(top, score[j])
			}
			sum := 0.0
			for j, x := range score {
				e := math.Exp((x - top) / math.Sqrt(float64(c.dim)))
				sum += e
				want[i] += e * float64(s.v[i/c.tokens*c.keys+j])
			}
			want[i] /= sum
		}
		var first []float32
		bothKernels(t, func(t *testing.T) {
			for group := range queryGroup + 1 {
				got := attend(s, heads, group)
				for i := range want {
					require.InDelta(t, want[i], got[i], 1e-5, "%+v element %d", c, i)
				}
				if first == nil {
					first = got
				}
				sameBits(t, first, got, "%+v group %d", c, group)
			}
		})
	}
}

// TestAttentionNaN: a NaN in a query spoils that query alone, one in a value its channel, one
// in a key the head.
func TestAttentionNaN(t *testing.T) {
	const dim, heads, tokens, keys = 8, 2, 37, 200
	nan := float32(math.NaN())
	for name, spoiled := range map[string]func(s *attentionStep) func(c, r int) bool{
		"query": func(s *attentionStep) func(c, r int) bool {
			s.q[3*tokens+20] = nan
			return func(c, r int) bool { return c < dim && r == 20 }
		},
		"key": func(s *attentionStep) func(c, r int) bool {
			s.k[dim*keys+150] = nan
			return func(c, _ int) bool { return c >= dim }
		},
		"value": func(s *attentionStep) func(c, r int) bool {
			s.v[5*keys+199] = nan
			return func(c, _ int) bool { return c == 5 }
		},
	} {
		s := newAttention(rand.New(rand.NewPCG(9, 10)), dim, heads, tokens, keys, 1)
		want := spoiled(s)
		bothKernels(t, func(t *testing.T) {
			for i, v := range attend(s, heads, 0) {
				require.Equal(t, want(i/tokens, i%tokens), v != v, "%s: element %d", name, i)
			}
		})
	}
}

// TestAttentionScratch: the memory does not grow with the keys.
func TestAttentionScratch(t *testing.T) {
	small, large := Shape{C: 320, H: 12, W: 12}, Shape{C: 320, H: 128, W: 128}
	require.Equal(t, attentionScratch(small, small, 8, 2), attentionScratch(large, large, 8, 2))
	require.Less(t, attentionScratch(small, Shape{C: 320, H: 77, W: 1}, 8, 2), attentionScratch(small, small, 8, 2))
}
