package arena

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPlaceReusesMemory(t *testing.T) {
	spans := []Span{{Bytes: 100, First: 0, Last: 1}, {Bytes: 100, First: 1, Last: 2}, {Bytes: 60, First: 2, Last: 3},
		{Bytes: 40, First: 3, Last: 3}}
	require.EqualValues(t, 200, Place(spans))
	require.Equal(t, []int64{0, 100, 0, 60}, []int64{spans[0].Offset, spans[1].Offset, spans[2].Offset, spans[3].Offset})
}

func TestPlaceKeepsLivingValuesApart(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		spans := make([]Span, 1+rng.IntN(40))
		var live [64]int64
		for i := range spans {
			first := rng.IntN(50)
			spans[i] = Span{Bytes: 1 + rng.Int64N(1000), First: first, Last: first + rng.IntN(14)}
			for s := first; s <= spans[i].Last; s++ {
				live[s] += spans[i].Bytes
			}
		}
		peak := Place(spans)
		for _, n := range live {
			require.GreaterOrEqual(t, peak, n)
		}
		for i, a := range spans {
			require.LessOrEqual(t, a.Offset+a.Bytes, peak)
			for _, b := range spans[:i] {
				apart := a.Last < b.First || b.Last < a.First ||
					a.Offset+a.Bytes <= b.Offset || b.Offset+b.Bytes <= a.Offset
				require.True(t, apart, "%+v and %+v", a, b)
			}
		}
	}
}
